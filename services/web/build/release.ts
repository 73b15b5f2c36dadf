import type { Plugin } from 'vite';

/**
 * Tells the loader, by attributes of its own tag, what the application's script and style are called in this release. So the loader's
 * content does not change with the application, and the page holds no inline script.
 */
export function nameTheRelease(): Plugin {
  return {
    name: 'name-the-release',
    transformIndexHtml: {
      order: 'post',
      handler(html, { bundle }) {
        if (!bundle) return html;
        const app = Object.values(bundle).find((file) => file.type === 'chunk' && file.isEntry && file.name === 'app');
        if (app?.type !== 'chunk') throw new Error('the bundle has no application');
        const [style] = app.viteMetadata?.importedCss ?? [];
        if (!style) throw new Error('the application has no style');
        const named = html.replace('<script type="module" ', `$&data-app="/${app.fileName}" data-style="/${style}" `);
        if (named === html) throw new Error('index.html has no loader');
        return named;
      },
    },
  };
}
