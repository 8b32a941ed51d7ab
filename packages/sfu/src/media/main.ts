/**
 * The media process: forked by the API process, lives as long as the pipe to it. Settings come first, then requests; answers
 * and batched events go back. The only file here that knows of processes.
 * Elsewhere: everything that it does → core.ts · the other end of the pipe → api/mediaProcess.ts
 */
import { DtlsContext, Engine } from '@tertulia/engine';
import { errorToChannel } from '../channel/errors.js';
import type { ChannelEvent, FromMedia, MediaProcessSettings, ToMedia } from '../channel/messages.js';
import type { WorkerLogTag } from '../types.js';
import { MediaCore } from './core.js';
import { logLineOf } from './eventLog.js';
import { runLoop } from './loop.js';
import type { Loop } from './loop.js';

const SIGNIFICANCE = { debug: 0, warn: 1, error: 2, none: 3 } as const;

let core: MediaCore | undefined;
let loop: Loop | undefined;
let events: ChannelEvent[] = [];
let ignoresSignals = false;

process.on('message', (message: ToMedia) => {
  if ('settings' in message) begin(message.settings);
  else if ('notice' in message) core?.handleNotice(message);
  else answer(message);
});
process.on('disconnect', end);
// A terminal's Ctrl-C reaches the whole group: an application that ends in good order asks for `ignoreSignals`.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => ignoresSignals || end());
// These end a process, or open Node's debugger, for whoever does not look at them.
for (const signal of ['SIGHUP', 'SIGALRM', 'SIGUSR1', 'SIGUSR2'] as const) process.on(signal, () => {});

function end(): never {
  loop?.stop();
  core?.close();
  core?.context.engine.close();
  process.exit(0);
}

function begin(settings: MediaProcessSettings): void {
  try {
    start(settings);
    send({ ready: true });
  } catch (error) {
    // No add-on, an unreadable certificate …: said once, to whoever asked for the process.
    process.send?.({ ready: false, error: errorToChannel(error) } satisfies FromMedia, () => process.exit(1));
  }
}

function start(settings: MediaProcessSettings): void {
  const { certificatePem, privateKeyPem } = settings;
  const engine = new Engine();
  const dtlsContext = new DtlsContext({
    ...(certificatePem === undefined ? {} : { certificatePem }),
    ...(privateKeyPem === undefined ? {} : { privateKeyPem }),
  });
  core = new MediaCore({
    engine,
    dtlsContext,
    ports: { min: settings.portMin, max: settings.portMax },
    emit: collect,
  });
  core.logLevel = settings.logLevel;
  core.logTags = settings.logTags;
  ignoresSignals = settings.ignoreSignals;
  loop = runLoop(core);
}

function answer({ id, method, data }: Extract<ToMedia, { id: number }>): void {
  try {
    if (!core) throw new Error('no settings yet');
    const line = { event: 'log', level: 'debug', tag: 'message', message: `request ${method}` } as const;
    if (isAsked(line)) push(line);
    const response = core.handleRequest(method, data);
    const whole =
      method === 'worker.dump' ? { ...(response as object), resourceUsage: resourceUsage() } : response;
    send({ id, ok: true, data: whole });
  } catch (error) {
    send({ id, ok: false, error: errorToChannel(error) });
  }
}

/** All news of one turn of the event loop go together. */
function collect(event: ChannelEvent): void {
  if (event.event === 'log') {
    if (isAsked(event)) push(event);
    return;
  }
  const line = core && SIGNIFICANCE[core.logLevel] < SIGNIFICANCE.error ? logLineOf(event) : undefined;
  if (line && isAsked(line)) push({ event: 'log', ...line });
  push(event);
}

/** By level, and by tag where the line has one. */
function isAsked({ level, tag }: { level: 'debug' | 'warn' | 'error'; tag?: WorkerLogTag }): boolean {
  if (!core) return level !== 'debug';
  return (
    SIGNIFICANCE[level] >= SIGNIFICANCE[core.logLevel] && (tag === undefined || core.logTags.includes(tag))
  );
}

function push(event: ChannelEvent): void {
  events.push(event);
  if (events.length === 1) setImmediate(sendEvents);
}

function sendEvents(): void {
  if (events.length === 0) return;
  const batch = events;
  events = [];
  send({ events: batch });
}

/** What was collected before an answer is told before it, so that the API process sees one order. */
function send(message: FromMedia): void {
  if (!('events' in message)) sendEvents();
  // A pipe that broke is told by 'disconnect'; without the callback it would be an uncaught error.
  if (process.connected) process.send?.(message, undefined, undefined, () => {});
}

/** In libuv's names, which are mediasoup's. */
function resourceUsage(): Record<string, number> {
  const usage = process.resourceUsage();
  return {
    ru_utime: usage.userCPUTime / 1000,
    ru_stime: usage.systemCPUTime / 1000,
    ru_maxrss: usage.maxRSS,
    ru_ixrss: usage.sharedMemorySize,
    ru_idrss: usage.unsharedDataSize,
    ru_isrss: usage.unsharedStackSize,
    ru_minflt: usage.minorPageFault,
    ru_majflt: usage.majorPageFault,
    ru_nswap: usage.swappedOut,
    ru_inblock: usage.fsRead,
    ru_oublock: usage.fsWrite,
    ru_msgsnd: usage.ipcSent,
    ru_msgrcv: usage.ipcReceived,
    ru_nsignals: usage.signalsCount,
    ru_nvcsw: usage.voluntaryContextSwitches,
    ru_nivcsw: usage.involuntaryContextSwitches,
  };
}
