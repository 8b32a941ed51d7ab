#!/usr/bin/env node
/** The command `tertulia`. What goes wrong at start is one sentence on standard error and exit code 1. */
import { serve } from './commands/serve.js';
import { token } from './commands/token.js';
import { StartError } from './errors.js';
import { VERSION } from './version.js';

const HELP = `tertulia serve [flags]   the conference server; --help lists the flags
tertulia token [flags]   a token and an invitation
tertulia --version
`;

async function main([command, ...args]: readonly string[]): Promise<void> {
  switch (command) {
    case 'serve':
      return serve(args);
    case 'token':
      process.stdout.write(await token(args, process.env, Date.now()));
      return;
    case '--version':
      process.stdout.write(`${VERSION}\n`);
      return;
    case undefined:
    case 'help':
    case '-h':
    case '--help':
      process.stdout.write(HELP);
      return;
    default:
      throw new StartError(`There is no command "${command}"; "tertulia --help" lists what there is.`);
  }
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(
    `tertulia: ${error instanceof StartError ? error.message : error instanceof Error ? error.stack : String(error)}\n`,
  );
  process.exit(1);
});
