// Load the page. What failed on its way (a network that changed meanwhile, a server that starts anew) is loaded again: a
// browser keeps in mind for as long as a page lives that a module of it didn't come, so the page begins anew.
const AGAIN_MS = 1000;

const again = () => setTimeout(() => location.reload(), AGAIN_MS);

function failed(error) {
  const app = document.getElementById('app');
  if (error instanceof SyntaxError) {
    app.textContent = `This browser does not understand the web interface of Accio; a newer one does. (${error.message})`;
    return;
  }
  app.textContent = 'The page did not arrive whole; it is loaded again …';
  again();
}

function isStyled() {
  try {
    return [...document.styleSheets].every((sheet) => sheet.cssRules.length);
  } catch {
    return false; // nothing can be read of a sheet that didn't come
  }
}

addEventListener('load', () => isStyled() || again());
import('./app.js').catch(failed);

export {};
