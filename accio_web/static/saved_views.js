// Views of the list of runs that a reader has given a name: addresses, kept by this browser.
import { href, html, useState } from './core.js';
import { visible } from './parts.js';
import { prefer, preference } from './preferences.js';

const MOST = 20;

/** The query of an address without the place in the list, which isn't part of a view. */
export function viewOf(search) {
  const query = new URLSearchParams(search);
  query.delete('cursor');
  return query.toString();
}

/** The views with one more, which takes the place of one of the same name. @param {{name: string, query: string}[]} views */
export const withView = (views, name, query) => [...views.filter((each) => each.name !== name), { name, query }].slice(-MOST);

/** @param {{query: URLSearchParams}} props */
export function SavedViews({ query }) {
  const [, again] = useState(0);
  const views = preference('views') ?? []; // of all tabs
  const here = viewOf(query.toString());
  const keep = (next) => {
    prefer('views', next);
    again((n) => n + 1);
  };
  const save = (event) => {
    event.preventDefault();
    const name = new FormData(event.target).get('name').toString().trim();
    if (!name) return;
    keep(withView(preference('views') ?? [], name, here));
    event.target.reset();
  };
  const known = views.find((each) => each.query === here);
  if (!views.length && !here) return null;
  return html`<div class="views" role="group" aria-label="Saved views">${views.map((each) => html`<span class="tag" key=${each.name}><a href=${`${href('/runs')}${each.query && `?${each.query}`}`} aria-current=${each === known ? 'page' : undefined}>${visible(each.name)}</a>
      <button type="button" class="quiet" aria-label=${`Forget the view ${visible(each.name)}`} title="Forget this view" onClick=${() => keep((preference('views') ?? []).filter((other) => other.name !== each.name))}>×</button></span>`)}
    ${here && !known && html`<form class="inline-form" onSubmit=${save}><label class="unseen" for="view-name">Name of this view</label><input id="view-name" name="name" maxlength="60" size="18" placeholder="name of this view" /> <button class="quiet">Save view</button></form>`}</div>`;
}
