/**
 * Child process: the media core of @tertulia/sfu on the real engine and real sockets, driven as in a media process of the
 * server, but for two things: SRTP keys are injected instead of agreed by DTLS, and requests come from the bench. News of
 * slots and speakers goes over the pipe to the parent, as it does there.
 */
import { Engine, ENTRY_PACKETS, ENTRY_RTX_PACKETS, ENTRY_WORDS, type OnBatch } from '@tertulia/engine';
import { Loop, MediaCore, type ChannelEvent } from '@tertulia/sfu/media';
import type { FromMediaProcess, MediaUsage, ToMediaProcess } from './mediaRoom.js';
import { setUpRoom } from './roomSetUp.js';
import { median } from './statistics.js';

/** The engine with a stop watch around the batch callback, which is all TypeScript that runs per incoming packet. */
class TimedEngine extends Engine {
  timing = false;
  micros = 0;
  rowCount = 0;
  /** µs per row of each batch. */
  readonly samples: number[] = [];

  override start(onBatch: OnBatch): void {
    super.start((rows, nowMicros) => {
      if (!this.timing) return onBatch(rows, nowMicros);
      const started = performance.now();
      const commands = onBatch(rows, nowMicros);
      const micros = (performance.now() - started) * 1000;
      this.micros += micros;
      this.rowCount += rows;
      this.samples.push(micros / rows);
      return commands;
    });
  }
}

const engine = new TimedEngine();
/** News for the API process: all of one turn of the event loop in one message, as in the server's media process. */
let events: ChannelEvent[] = [];
function collect(event: ChannelEvent): void {
  events.push(event);
  if (events.length > 1) return;
  setImmediate(() => {
    const batch = events;
    events = [];
    process.send!({ events: batch } satisfies FromMediaProcess);
  });
}

const core = new MediaCore({ engine, allowKeyInjection: true, emit: collect });
new Loop(core).start();

/** Every outgoing stream counts its packets in shared memory, resent ones included. Entries are numbered from 0 without
 *  holes here. */
function packetsOfEntries(count: number): number {
  let packets = 0;
  for (let entry = 0; entry < count; entry++) {
    const at = entry * ENTRY_WORDS;
    packets += engine.entries[at + ENTRY_PACKETS]! + engine.entries[at + ENTRY_RTX_PACKETS]!;
  }
  return packets;
}

function usage(): MediaUsage {
  const { user, system } = process.cpuUsage();
  const stats = engine.stats();
  return {
    cpuMicros: user + system,
    rtpSent: packetsOfEntries(stats.entries),
    typeScriptMicros: engine.micros,
    timedRows: engine.rowCount,
    residentBytes: process.memoryUsage.rss(),
    cipher: stats.cipher,
    sendCalls: stats.sendCalls,
    drops: { ...stats.drops, ...core.drops.toObject() },
  };
}

function answer(message: ToMediaProcess): unknown {
  switch (message.ask) {
    case 'setUp':
      return setUpRoom(core, message.room, message.endpoints);
    case 'usage':
      return usage();
    case 'timing':
      engine.timing = message.on;
      return median(engine.samples.splice(0));
    case 'end':
      process.exit(0);
  }
}

process.on('message', (message: ToMediaProcess) => {
  const { id } = message;
  let reply: FromMediaProcess;
  try {
    reply = { id, answer: answer(message) };
  } catch (error) {
    reply = { id, failure: error instanceof Error ? error.message : String(error) };
  }
  process.send!(reply);
});
