#!/usr/bin/env node
// In the checkout before the build: npm links commands when it installs, and dist/ is not there yet.
import { existsSync } from 'node:fs';

const built = new URL('../dist/cli.js', import.meta.url);
if (!existsSync(built)) {
  console.error('tertulia is not built yet. Run "npm run build" first.');
  process.exit(1);
}
await import(built.href);
