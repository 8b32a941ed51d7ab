/**
 * The package as an application sees it: required, imported, and by TypeScript in each of its ways to find modules. Real
 * child processes run small applications in a folder of their own.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const PACKAGE = fileURLToPath(new URL('../..', import.meta.url));
const DOCUMENTATION = fileURLToPath(new URL('../../../../docs/library.md', import.meta.url));
const NODE_TYPES = fileURLToPath(new URL('../../../../node_modules/@types', import.meta.url));
const NAMES_OF_MEDIASOUP = [
  ...['createWorker', 'extras', 'getSupportedRtpCapabilities', 'observer'],
  ...['parseScalabilityMode', 'setLogEventListeners', 'version', 'workerBin'],
];
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tertulia-module-'));
  mkdirSync(join(folder, 'node_modules/@tertulia'), { recursive: true });
  symlinkSync(PACKAGE, join(folder, 'node_modules/@tertulia/sfu'), 'dir');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Writes an application, runs it to its end, and gives what it printed. */
async function run(name: string, source: string): Promise<{ said: unknown; complained: string }> {
  writeFileSync(join(folder, name), source);
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [name], {
    cwd: folder,
    timeout: 20_000,
  });
  return { said: JSON.parse(stdout), complained: stderr };
}

/** Makes one of everything, and ends by itself when the worker is closed. */
const APPLICATION = `
  async function main(mediasoup) {
    const seen = [];
    mediasoup.observer.on('newworker', () => seen.push('newworker'));
    const worker = await mediasoup.createWorker({ logLevel: 'warn', appData: { number: 7 } });
    worker.observer.on('newrouter', (router) => {
      seen.push('newrouter');
      router.observer.on('newtransport', (transport) => seen.push('newtransport ' + transport.type));
    });
    const mediaCodecs = [
      { kind: 'audio', mimeType: 'audio/opus', clockRate: 48000, channels: 2 },
      { kind: 'video', mimeType: 'video/VP8', clockRate: 90000 },
    ];
    const router = await worker.createRouter({ mediaCodecs });
    await router.createWebRtcTransport({ listenInfos: [{ protocol: 'udp', ip: '127.0.0.1' }] });
    await router.createPlainTransport({ listenIp: '127.0.0.1' });
    await router.createDirectTransport();
    worker.close();
    console.log(JSON.stringify({ seen, codecs: router.rtpCapabilities.codecs.length, appData: worker.appData }));
  }`;
const EXPECTED = {
  seen: ['newworker', 'newrouter', 'newtransport webrtc', 'newtransport plain', 'newtransport direct'],
  codecs: 3,
  appData: { number: 7 },
};

describe('an application', () => {
  test('that requires the package', async () => {
    const source = `${APPLICATION} main(require('@tertulia/sfu'));`;
    expect(await run('app.cjs', source)).toEqual({ said: EXPECTED, complained: '' });
  });

  test('that imports it as a namespace', async () => {
    const source = `import * as mediasoup from '@tertulia/sfu'; ${APPLICATION} await main(mediasoup);`;
    expect(await run('namespace.mjs', source)).toEqual({ said: EXPECTED, complained: '' });
  });

  test('that imports its default', async () => {
    const source = `import mediasoup from '@tertulia/sfu'; ${APPLICATION} await main(mediasoup);`;
    expect(await run('default.mjs', source)).toEqual({ said: EXPECTED, complained: '' });
  });

  test('that TypeScript has turned into CommonJS finds the default', async () => {
    const source = `const __importDefault = (m) => (m && m.__esModule ? m : { default: m });
      ${APPLICATION} main(__importDefault(require('@tertulia/sfu')).default);`;
    expect(await run('transpiled.cjs', source)).toEqual({ said: EXPECTED, complained: '' });
  });
});

test('the example of the documentation runs as it stands', async () => {
  const [, source = ''] = /```js\n(.*?)```/s.exec(readFileSync(DOCUMENTATION, 'utf8')) ?? [];
  writeFileSync(join(folder, 'example.mjs'), source);
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['example.mjs'], {
    cwd: folder,
    timeout: 20_000,
  });
  expect({ stdout, stderr }).toEqual({ stdout: 'audio audio/opus udp\n', stderr: '' });
});

test('every way leads to the same one copy, with the names that mediasoup has', async () => {
  const source = `
    import { createRequire } from 'node:module';
    import mediasoup, { createWorker, Worker, InvalidStateError } from '@tertulia/sfu';
    import * as namespace from '@tertulia/sfu';
    import { EnhancedEventEmitter, enhancedOnce } from '@tertulia/sfu/extras';
    import * as types from '@tertulia/sfu/types';
    const require = createRequire(import.meta.url);
    const required = require('@tertulia/sfu');
    const error = new InvalidStateError('x');
    console.log(JSON.stringify({
      defaults: Object.keys(mediasoup).sort(),
      same: [required, namespace, required.default, mediasoup].every((each) => each.createWorker === createWorker),
      classes: required.Worker === Worker && Worker.prototype instanceof EnhancedEventEmitter,
      extras: namespace.extras.enhancedOnce === enhancedOnce &&
        require('@tertulia/sfu/extras').EnhancedEventEmitter === EnhancedEventEmitter,
      types: Object.keys(types).length + Object.keys(require('@tertulia/sfu/types')).length,
      error: [error instanceof Error, error.name],
      version: mediasoup.version === require('@tertulia/sfu/package.json').version,
      workerBin: require('node:fs').existsSync(mediasoup.workerBin),
    }));`;
  const { said, complained } = await run('same.mjs', source);
  expect(complained).toBe('');
  expect(said).toEqual({
    defaults: NAMES_OF_MEDIASOUP,
    same: true,
    classes: true,
    extras: true,
    types: 0,
    error: [true, 'InvalidStateError'],
    version: true,
    workerBin: true,
  });
});

test('a worker ends with an application that is killed', async () => {
  const source = `
    import { createWorker } from '@tertulia/sfu';
    const worker = await createWorker();
    console.log(JSON.stringify(worker.pid));
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), 50);`;
  writeFileSync(join(folder, 'killed.mjs'), source);
  const pid = await new Promise<number>((resolve) => {
    execFile(process.execPath, ['killed.mjs'], { cwd: folder }, (_error, stdout) => resolve(Number(stdout)));
  });
  expect(pid).toBeGreaterThan(0);
  await expect.poll(() => isAlive(pid), { timeout: 5_000 }).toBe(false);
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('TypeScript finds the types', () => {
  const SOURCE = `
    import * as mediasoup from '@tertulia/sfu';
    import { createWorker, types } from '@tertulia/sfu';
    import type { Worker, Router, RtpCapabilities } from '@tertulia/sfu/types';
    import { EnhancedEventEmitter } from '@tertulia/sfu/extras';
    export class Room extends EnhancedEventEmitter<{ full: [count: number] }> {
      worker: Worker<{ number: number }> | undefined;
      router: types.Router | undefined;
      transport: mediasoup.types.WebRtcTransport | undefined;
      async open(): Promise<RtpCapabilities> {
        this.worker = await createWorker({ appData: { number: 1 } });
        const router: Router = await this.worker.createRouter({ mediaCodecs: [] });
        this.router = router;
        this.on('full', (count) => count.toFixed());
        // @ts-expect-error: must not compile, which shows that the types were found: no such event
        this.emit('empty');
        return router.rtpCapabilities;
      }
    }`;
  const { ModuleKind, ModuleResolutionKind } = ts;
  test.each([
    ['an ES module', 'types.mts', ModuleKind.NodeNext, ModuleResolutionKind.NodeNext],
    ['CommonJS with nodenext', 'types.cts', ModuleKind.NodeNext, ModuleResolutionKind.NodeNext],
    ['CommonJS with node16', 'types16.cts', ModuleKind.Node16, ModuleResolutionKind.Node16],
    ['CommonJS the old way', 'old.ts', ModuleKind.CommonJS, ModuleResolutionKind.Node10],
    ['a bundler', 'bundled.ts', ModuleKind.ESNext, ModuleResolutionKind.Bundler],
  ])('as %s', (_name, file, module, moduleResolution) => {
    const path = join(folder, file);
    writeFileSync(path, SOURCE);
    const program = ts.createProgram([path], {
      module,
      moduleResolution,
      target: ts.ScriptTarget.ES2022,
      strict: true,
      esModuleInterop: true,
      noEmit: true,
      skipLibCheck: true,
      typeRoots: [NODE_TYPES],
      types: ['node'],
    });
    const problems = ts.getPreEmitDiagnostics(program);
    expect(problems.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))).toEqual([]);
  });
});
