/** `npm start [-- flags of tertulia serve]`: builds what is missing, then becomes the server. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { build, root } from './build.mjs';

build();
const server = spawn(
  process.execPath,
  [join(root, 'packages/server/dist/cli.js'), 'serve', ...process.argv.slice(2)],
  { stdio: 'inherit' },
);
// The terminal sends its own signals to the whole group; a supervisor signals only this process.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => server.kill('SIGTERM'));
server.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
