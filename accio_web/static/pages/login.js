// Logging in, by a link that works once or by the token.
import { go, href, html, post, session, useEffect, useState } from '../core.js';
import { Heading } from '../parts.js';

export function Page({ address, done }) {
  const [error, fail] = useState(null);
  const [busy, set] = useState(false);
  const enter = async (body) => {
    set(true);
    fail(null);
    try {
      await post('/login', body);
      done(await session());
      const next = address.query.get('next') ?? '';
      go(href('/') + (next.startsWith('/') && !next.startsWith('//') ? next.slice(1) : ''), { replace: true });
    } catch (failed) {
      fail(failed);
      set(false);
    }
  };
  useEffect(() => {
    const code = new URLSearchParams(location.hash.slice(1)).get('code');
    if (!code) return;
    history.replaceState(null, '', location.pathname + location.search); // nobody finds it in the history
    enter({ code });
  }, []);
  const submit = (event) => {
    event.preventDefault();
    enter({ token: new FormData(event.target).get('token') });
  };
  return html`<div class="login"><${Heading} text="Log in to Accio" />
    <form onSubmit=${submit}>
      <label>Token <input name="token" type="password" autocomplete="current-password" required /></label>
      ${error && html`<div class="problem" role="alert"><p>${error.message}</p></div>`}
      <button class="main" disabled=${busy}>Log in</button>
    </form>
    <p>Without a token: <code>accio up</code> and <code>accio web</code> print a link that logs in once, and
      ${' '}<code>accio web link</code>, on the machine where they run, prints another.</p>
    <p>The token is in the file <code>token</code> of the daemon's data folder.</p>
  </div>`;
}
