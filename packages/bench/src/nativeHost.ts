/** Child process: loads one native program and runs it to its end. `node nativeHost.js MODULE CONFIGURATION` */
import { createRequire } from 'node:module';

const [, , module, configuration] = process.argv;
if (module === undefined || configuration === undefined)
  throw new Error('usage: nativeHost MODULE CONFIGURATION');
const loaded = createRequire(import.meta.url)(module) as { run(configuration: string): number };
process.exit(loaded.run(configuration));
