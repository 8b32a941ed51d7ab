/** Threads and processes that end, and exceptions, seen from outside. Each case is a script in its own process. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** The add-on as a plain script sees it, without TypeScript in between. */
const PRELUDE = `
const native = require('node-gyp-build')(${JSON.stringify(root)});
const dgram = require('node:dgram');
const { Worker, isMainThread } = require('node:worker_threads');
const stun = Buffer.from('000100002112a442' + '00'.repeat(12), 'hex');
function start(onBatch) {
  const engine = new native.Engine(false, 1024, 1024, 64, 64);
  const { port } = engine.bind('127.0.0.1', 0, 65536, 65536);
  engine.start(onBatch);
  return { engine, poke: () => dgram.createSocket('udp4').unref().send(stun, port, '127.0.0.1') };
}
`;

async function run(script: string): Promise<{ code: number | null; signal: string | null; output: string }> {
  const child = spawn(process.execPath, ['--expose-gc', '-e', PRELUDE + script], {
    cwd: root,
    stdio: 'pipe',
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  return { code, signal, output };
}

const ended = { code: 0, signal: null };

describe('the end of a process', () => {
  test('a started engine keeps it alive until it is closed', async () => {
    const result = await run(`const { engine } = start(() => 0);
      setTimeout(() => { console.log('closing'); engine.close(); }, 50);`);
    expect(result).toEqual({ ...ended, output: 'closing\n' });
  });

  test('process.exit with an open engine, also inside a batch', async () => {
    expect(await run(`start(() => 0); setTimeout(() => process.exit(0), 20);`)).toEqual({
      ...ended,
      output: '',
    });
    expect(await run(`start(() => process.exit(0)).poke();`)).toEqual({ ...ended, output: '' });
  });

  test('engines that nobody keeps are collected', async () => {
    const result = await run(`
      for (let i = 0; i < 40; i++) new native.Engine(true, 16384, 65536, 8192, 64);
      // Finalizers free what the next collection can take.
      const collect = (rounds) => {
        gc();
        if (process.memoryUsage().arrayBuffers < 300e6) console.log('collected');
        else if (rounds > 0) setTimeout(collect, 20, rounds - 1);
      };
      setTimeout(collect, 20, 100);`);
    expect(result).toEqual({ ...ended, output: 'collected\n' });
  });

  test('close right before the end', async () => {
    expect(await run(`start(() => 0).engine.close(); process.exit(0);`)).toEqual({ ...ended, output: '' });
  });
});

describe('worker threads', () => {
  const threads = (ending: string): string => `
    if (!isMainThread) throw new Error('eval');
    const source = ${JSON.stringify(PRELUDE)} + \`
      const { poke, engine } = start(() => { ${ending}; return 0; });
      const context = new native.DtlsContext('', '');
      const dtls = new native.Dtls(context, false, 1200);
      poke();
      require('node:worker_threads').parentPort.postMessage('up');\`;
    let left = 8;
    for (let i = 0; i < 8; i++) {
      const worker = new Worker(source, { eval: true });
      worker.on('message', () => { if (${JSON.stringify(ending)} === '') setTimeout(() => worker.terminate(), 20); });
      worker.on('error', (error) => console.log(error.message));
      worker.on('exit', () => { if (--left === 0) console.log('all ended'); });
    }`;

  test('are terminated with their engines open', async () => {
    expect(await run(threads(''))).toEqual({ ...ended, output: 'all ended\n' });
  });

  test('end themselves inside a batch', async () => {
    expect(await run(threads('process.exit(0)'))).toEqual({ ...ended, output: 'all ended\n' });
  });

  test('close their engine and end', async () => {
    expect(await run(threads('engine.close()'))).toEqual({ ...ended, output: 'all ended\n' });
  });
});

describe('exceptions of onBatch', () => {
  test('are uncaught exceptions, and the engine goes on', async () => {
    const result = await run(`
      let calls = 0;
      process.on('uncaughtException', (error) => {
        console.log(error.message);
        if (calls === 3) return engine.close();
        poke();
      });
      const { engine, poke } = start(() => { throw new Error('batch ' + ++calls); });
      poke();`);
    expect(result).toEqual({ ...ended, output: 'batch 1\nbatch 2\nbatch 3\n' });
  });

  test('without a handler the process ends as with any other', async () => {
    const result = await run(`start(() => { throw new Error('mine'); }).poke();`);
    expect(result.code).toBe(1); // as Node documents: uncaught fatal exception
    expect(result.output).toContain('Error: mine');
  });

  test('promises that onBatch settles go on at once', async () => {
    const result = await run(`
      const order = [];
      const { engine, poke } = start(() => {
        Promise.resolve().then(() => order.push('microtask'));
        process.nextTick(() => order.push('tick'));
        setImmediate(() => { console.log(order.join()); engine.close(); });
        return 0;
      });
      poke();`);
    expect(result).toEqual({ ...ended, output: 'tick,microtask\n' });
  });

  test('a result that is no number is no commands', async () => {
    const result = await run(`
      const results = [undefined, 'x', {}, NaN, -1, 1e99];
      const { engine, poke } = start(() => {
        const result = results.shift();
        if (results.length > 0) setTimeout(poke, 1);
        else { console.log('survived'); engine.close(); }
        return result;
      });
      poke();`);
    expect(result).toEqual({ ...ended, output: 'survived\n' });
  });
});
