/** Builds the call page into dist/, which the server serves. The SDK is taken from its sources, so no build order matters. */
import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  plugins: [react()],
  resolve: {
    alias: { '@tertulia/client': fileURLToPath(new URL('../client/src/index.ts', import.meta.url)) },
  },
  build: {
    target: ['chrome111', 'firefox113', 'safari16.4'], // the oldest with oklch() and color-mix(), which the styles use
    assetsInlineLimit: 0, // the page is served with a strict content security policy: no data: URLs
    modulePreload: { polyfill: false },
    license: { fileName: 'licenses.md' }, // those of what is bundled ask to be handed on with it
  },
});
