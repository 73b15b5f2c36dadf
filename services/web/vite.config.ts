import { defineConfig } from 'vitest/config';
import { nameTheRelease } from './build/release.ts';

// Where `npm run dev` finds the API: a running stack's load balancer.
const stack = process.env['WEB_PROXY'] ?? 'http://localhost:8080';

export default defineConfig({
  plugins: [nameTheRelease()],
  build: {
    target: 'es2022',
    // The loader fetches the application by itself; nothing is preloaded behind its back.
    modulePreload: false,
    // The default avatar is known by its file name, so it must stay a file.
    assetsInlineLimit: 0,
    cssCodeSplit: true,
    rollupOptions: {
      input: { loader: 'index.html', app: 'src/app.tsx' },
      // The loader calls what the application exports.
      preserveEntrySignatures: 'exports-only',
      output: {
        hashCharacters: 'hex',
        entryFileNames: 'assets/[name]-[hash].js',
        chunkFileNames: 'assets/[name]-[hash].js',
        // The hash goes before the name: `…-default-avatar.svg`.
        assetFileNames: 'assets/[hash]-[name][extname]',
      },
    },
  },
  experimental: {
    // Scripts and styles find their files beside themselves, at the edge or at the origin; the page is found under many paths.
    renderBuiltUrl: (_file, { hostType }) => ({ relative: hostType !== 'html' }),
  },
  server: { proxy: { '/api': stack, '/objects': stack, '/config.json': stack } },
  test: { environment: 'jsdom', include: ['test/**/*.test.{ts,tsx}'], restoreMocks: true },
});
