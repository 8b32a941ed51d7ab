/** A room's media in one process: its transports and its virtual streams. Media never crosses from one router to another. */
import type { RtpObserver } from './observers/rtpObserver.js';
import type { VirtualStreams } from './virtualStreams.js';
import type { Transport } from './transport.js';

export class Router {
  readonly transports = new Map<string, Transport>();
  readonly virtualStreams = new Map<string, VirtualStreams>();
  readonly rtpObservers = new Map<string, RtpObserver>();

  constructor(readonly id: string) {}
}
