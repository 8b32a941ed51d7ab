#!/usr/bin/env node
/** The command `tertulia`. What goes wrong as one may expect is one sentence on standard error and exit code 1. */
import { CommandError, StartError } from './errors.js';
import { VERSION } from './version.js';

const HELP = `tertulia serve [flags]   the conference server; --help lists the flags
tertulia token [flags]   a token and an invitation
tertulia export RECORDING OUT.mp4
                         an MP4 of a finished recording
tertulia dump [flags]    packets of a room for Wireshark
tertulia rtp-out [flags] F.sdp
                         sound and pictures of a room to FFmpeg or GStreamer
tertulia rtp-in [flags]  a participant that FFmpeg or GStreamer feeds
tertulia --version
`;

async function main([command, ...args]: readonly string[]): Promise<void> {
  switch (command) {
    case 'serve':
      // Loaded only when needed: the server is large, the other command is quick.
      return (await import('./commands/serve.js')).serve(args);
    case 'token': {
      const { token } = await import('./commands/token.js');
      process.stdout.write(await token(args, process.env, Date.now()));
      return;
    }
    case 'dump':
      return (await import('./commands/dump.js')).dump(args, process.env);
    case 'rtp-out':
      return (await import('./commands/rtpOut.js')).rtpOut(args, process.env);
    case 'rtp-in':
      return (await import('./commands/rtpIn.js')).rtpIn(args, process.env);
    case 'export':
      return (await import('./commands/export.js')).runExport(args);
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
  const expected = error instanceof StartError || error instanceof CommandError;
  const text = expected ? error.message : error instanceof Error ? error.stack : String(error);
  process.stderr.write(`tertulia: ${text}\n`);
  process.exit(1);
});
