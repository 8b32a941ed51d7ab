/** RTP, RTCP and messages to and from the application itself. Contract: mediasoup v3 DirectTransport. */
import { OptionError, UnsupportedError } from '../channel/errors.js';
import type { ChannelEvent } from '../channel/messages.js';
import type { AppData, DirectTransportDump, DirectTransportStat } from '../types.js';
import { asBuffer } from './options.js';
import { Transport, type TransportEvents, type TransportObserverEvents } from './transport.js';

type RtcpEvents = {
  /** What a consumer's sender would send to its peer: reports. */
  rtcp: [rtcpPacket: Buffer];
};
export type DirectTransportEvents = TransportEvents & RtcpEvents;
export type DirectTransportObserverEvents = TransportObserverEvents & RtcpEvents;

export class DirectTransport<DirectTransportAppData extends AppData = AppData> extends Transport<
  DirectTransportAppData,
  DirectTransportEvents,
  DirectTransportObserverEvents
> {
  readonly type = 'direct';

  /** What the media process keeps of it. */
  dump(): Promise<DirectTransportDump> {
    return this.requestDump();
  }

  /** One entry. */
  getStats(): Promise<DirectTransportStat[]> {
    return this.requestStats();
  }

  /** There is nobody to connect to: does nothing. */
  async connect(): Promise<void> {}

  /** @throws UnsupportedError: there is no path whose rate could be limited. */
  override setMaxIncomingBitrate(): Promise<void> {
    return noBitrate('setMaxIncomingBitrate');
  }
  /** @throws UnsupportedError: there is no path whose rate could be limited. */
  override setMaxOutgoingBitrate(): Promise<void> {
    return noBitrate('setMaxOutgoingBitrate');
  }
  /** @throws UnsupportedError: there is no path whose rate could be limited. */
  override setMinOutgoingBitrate(): Promise<void> {
    return noBitrate('setMinOutgoingBitrate');
  }

  /** An RTCP compound of the application. Once closed it means nothing. */
  sendRtcp(rtcpPacket: Buffer): void {
    if (!Buffer.isBuffer(rtcpPacket)) throw new OptionError('rtcpPacket: not a Buffer');
    if (this.closed) return;
    this.process.notify({ notice: 'transport.sendRtcp', transportId: this.id, packet: rtcpPacket });
  }

  protected override handle(event: ChannelEvent): void {
    if (event.event === 'transport.rtcp') {
      this.safeEmit('rtcp', asBuffer(event.packet));
      return;
    }
    super.handle(event);
  }
}

const noBitrate = (method: string): Promise<never> =>
  Promise.reject(new UnsupportedError(`${method}: not on a DirectTransport`, 'NO_PATH'));
