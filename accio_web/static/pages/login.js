// Logging in, by a link that works once or by the token.
import { AGAIN_MS, go, href, html, isPassing, post, session, useEffect, useState } from '../core.js';
import { Heading } from '../parts.js';

const PENDING = 'accio-login'; // in the tab's own store: what the link said, until that is answered
const MOST_TRIES = 4; // the server counts them: of five within a minute one is left for the token

/** What this page is known by if it has to ask again: nobody else who has seen the link can. */
function made() {
  return [...crypto.getRandomValues(new Uint8Array(24))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** The code of the link, with a key of this page; also of one that was loaded again before there was an answer. @returns {{code: string, key: string} | null} */
function pending() {
  const code = new URLSearchParams(location.hash.slice(1)).get('code');
  if (code) {
    history.replaceState(null, '', location.pathname + location.search); // nobody finds it in the history
    sessionStorage.setItem(PENDING, JSON.stringify({ code, key: made() }));
  }
  return JSON.parse(sessionStorage.getItem(PENDING) ?? 'null');
}

const activated = () => new Promise((done) => { // a page that is only prepared, lest somebody open it, uses up no code
  if (!(/** @type {any} */ (document).prerendering)) done(undefined);
  else document.addEventListener('prerenderingchange', done, { once: true });
});

const later = () => new Promise((done) => { setTimeout(done, AGAIN_MS); });

/** Send the code until there is an answer: one that got lost on its way is given again, to the same key. */
async function redeemed(link) {
  for (let tries = 1; ; tries += 1) {
    try {
      await post('/login', link);
      return;
    } catch (failed) {
      if (!isPassing(failed) || tries === MOST_TRIES) throw failed;
    }
    await later();
  }
}

export function Page({ address, done }) {
  const [error, fail] = useState(null);
  const [busy, set] = useState(false);
  const enter = async (ask) => {
    set(true);
    fail(null);
    try {
      await ask();
      sessionStorage.removeItem(PENDING);
      done(await session());
      const next = address.query.get('next') ?? '';
      go(href('/') + (next.startsWith('/') && !next.startsWith('//') ? next.slice(1) : ''), { replace: true });
    } catch (failed) {
      fail(failed);
      set(false);
    }
  };
  const byLink = async (link) => {
    await activated();
    try {
      await redeemed(link);
    } catch (failed) {
      if (failed.status !== 401) throw failed;
      sessionStorage.removeItem(PENDING);
      await session().catch(() => { throw failed; }); // a link that was opened twice: this browser is logged in
    }
  };
  useEffect(() => {
    const follow = () => {
      const link = pending();
      if (link) enter(() => byLink(link));
    };
    follow();
    addEventListener('hashchange', follow); // a link that is opened where this page is shown already loads nothing
    return () => removeEventListener('hashchange', follow);
  }, []);
  const submit = (event) => {
    event.preventDefault();
    const token = new FormData(event.target).get('token');
    enter(() => post('/login', { token }));
  };
  return html`<div class="login"><${Heading} text="Log in to Accio" />
    <form onSubmit=${submit}>
      <label>Token <input name="token" type="password" autocomplete="current-password" required /></label>
      ${error && html`<div class="problem" role="alert"><p>${error.message}</p></div>`}
      <button class="main" disabled=${busy}>${busy ? 'Logging in …' : 'Log in'}</button>
    </form>
    <p>Without a token: <code>accio up</code> and <code>accio web</code> print a link that logs in once, and
      ${' '}<code>accio web link</code>, on the machine where they run, prints another.</p>
    <p>The token is in the file <code>token</code> of the daemon's data folder.</p>
  </div>`;
}
