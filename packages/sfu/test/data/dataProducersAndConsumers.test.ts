/**
 * Messages from a peer's stream through data producers and consumers to other peers and to the application. The peers are
 * associations of their own on a wire without loss; the requests are the real ones.
 */
import { afterEach, describe, expect, test } from 'vitest';
import type { ChannelEvent, Method, RequestOf, ResponseOf } from '../../src/channel/messages.js';
import { Captures } from '../../src/media/captures.js';
import { Closing } from '../../src/media/closing.js';
import type { MediaContext } from '../../src/media/context.js';
import type { MediaCore } from '../../src/media/core.js';
import { Directory } from '../../src/media/directory.js';
import { REQUESTS } from '../../src/media/requests/index.js';
import { TransportData } from '../../src/media/transportData.js';
import type { DataCreation } from '../../src/media/transportData.js';
import type { WebRtcTransport } from '../../src/media/webRtcTransport.js';
import { channel, End } from '../sctp/support.js';

const TEXT = 51;
const BINARY = 53;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

class Room {
  readonly events: ChannelEvent[] = [];
  readonly directory = new Directory();
  readonly context = {
    emit: (event: ChannelEvent) => void this.events.push(event),
    unixMicrosAtZero: 0,
  } as unknown as MediaContext;
  readonly core = {
    context: this.context,
    directory: this.directory,
    closing: new Closing(this.context, this.directory, new Captures(this.context)),
  } as unknown as MediaCore;
  readonly #ends: { data: TransportData; peer: End }[] = [];

  request<M extends Method>(method: M, data: RequestOf<M>): ResponseOf<M> {
    return REQUESTS[method](this.core, data, 0);
  }

  /** A transport of the server and what is at its other end, connected. */
  async connect(transportId: string, options: Partial<DataCreation> = {}): Promise<End> {
    let open = true;
    const data: TransportData = new TransportData(
      this.context,
      transportId,
      { enableSctp: true, maxSctpMessageSize: 262_144, ...options },
      (packet) => {
        const copy = packet.slice();
        setImmediate(() => open && peer.channels.handlePacket(copy));
      },
    );
    const peer: End = new End('client', (packet) => {
      const copy = packet.slice();
      setImmediate(() => open && data.handlePacket(copy));
    });
    this.directory.transports.add(transportId, { id: transportId, data } as unknown as WebRtcTransport);
    data.start('server');
    this.#ends.push({ data, peer });
    await peer.until(() => peer.state === 'connected' && data.state === 'connected', 'connection');
    this.stop.push(() => {
      open = false;
      data.close();
      peer.association.close();
    });
    return peer;
  }
  readonly stop: (() => void)[] = [];

  produce(id: string, transportId: string, streamId?: number): void {
    this.request('transport.produceData', {
      transportId,
      dataProducerId: id,
      type: streamId === undefined ? 'direct' : 'sctp',
      ...(streamId === undefined ? {} : { sctpStreamParameters: { streamId } }),
      label: 'chat',
      protocol: '',
      paused: false,
    });
  }
  consume(id: string, producerId: string, transportId: string, streamId?: number, more: object = {}): void {
    this.request('transport.consumeData', {
      transportId,
      dataConsumerId: id,
      dataProducerId: producerId,
      type: streamId === undefined ? 'direct' : 'sctp',
      ...(streamId === undefined ? {} : { sctpStreamParameters: { streamId } }),
      label: 'chat',
      protocol: '',
      paused: false,
      subchannels: [],
      ...more,
    });
  }
  told<Name extends ChannelEvent['event']>(name: Name): Extract<ChannelEvent, { event: Name }>[] {
    return this.events.filter((event) => event.event === name) as Extract<ChannelEvent, { event: Name }>[];
  }
}

let room: Room;
const newRoom = (): Room => (room = new Room());
afterEach(() => {
  for (const stop of room.stop) stop();
});

describe('from peer to peer', () => {
  test('text, bytes and nothing arrive as they were sent, on the stream that was agreed on', async () => {
    const room = newRoom();
    const ada = await room.connect('a');
    const ben = await room.connect('b');
    room.produce('p', 'a', 1);
    room.consume('c', 'p', 'b', 7);
    ada.channels.open(channel(1), false);
    ben.channels.open(channel(7), false);
    const sent = ['grüß dich', Uint8Array.of(0, 255, 1), '', new Uint8Array(), 'x'.repeat(100_000)];
    for (const data of sent) ada.channels.send(1, data);
    await ben.until(() => ben.messages.length === sent.length, 'all of them');
    expect(ben.messages.map(({ id, data }) => ({ id, data }))).toEqual(sent.map((data) => ({ id: 7, data })));
    const [producer] = room.request('dataProducer.getStats', { dataProducerId: 'p' });
    const [consumer] = room.request('dataConsumer.getStats', { dataConsumerId: 'c' });
    expect(producer).toMatchObject({ type: 'data-producer', label: 'chat', messagesReceived: 5 });
    expect(consumer).toMatchObject({ type: 'data-consumer', messagesSent: 5, bufferedAmount: 0 });
  });

  test('streams beyond 1,024 and messages beyond 256 KiB, where a transport was made for them', async () => {
    const room = newRoom();
    const large = { numSctpStreams: { OS: 2048, MIS: 2048 }, maxSctpMessageSize: 1_000_000 };
    const ada = await room.connect('a', large);
    const ben = await room.connect('b', large);
    room.produce('p', 'a', 2000);
    room.consume('c', 'p', 'b');
    ada.channels.open(channel(2000), false);
    ada.channels.send(2000, new Uint8Array(1_000_000).fill(7));
    await ben.until(() => room.told('dataConsumer.message').length === 1, 'the message');
    const { data } = room.told('dataConsumer.message')[0]!;
    expect(data).toEqual(new Uint8Array(1_000_000).fill(7));
  });

  test('one stream can bear a producer one way and a consumer the other', async () => {
    const room = newRoom();
    const ada = await room.connect('a');
    const ben = await room.connect('b');
    room.produce('of ada', 'a', 1);
    room.produce('of ben', 'b', 1);
    room.consume('to ben', 'of ada', 'b', 1);
    room.consume('to ada', 'of ben', 'a', 1);
    for (const end of [ada, ben]) end.channels.open(channel(1), false);
    ada.channels.send(1, 'from ada');
    ben.channels.send(1, 'from ben');
    await ada.until(() => ada.messages.length + ben.messages.length === 2, 'both');
    expect(ada.messages[0]!.data).toBe('from ben');
    expect(ben.messages[0]!.data).toBe('from ada');
  });

  test('a paused producer or consumer lets nothing through, and its partners hear of the producer', async () => {
    const room = newRoom();
    const ada = await room.connect('a');
    room.produce('p', 'a', 1);
    room.consume('c', 'p', 'a');
    ada.channels.open(channel(1), false);
    const count = (): number => room.told('dataConsumer.message').length;
    const received = (): number =>
      room.request('dataProducer.getStats', { dataProducerId: 'p' })[0]!.messagesReceived;
    const send = async (text: string): Promise<void> => {
      const before = received();
      ada.channels.send(1, text);
      await ada.until(() => received() === before + 1, 'arrival');
    };
    await send('one');
    room.request('dataProducer.pause', { dataProducerId: 'p' });
    room.request('dataProducer.pause', { dataProducerId: 'p' });
    await send('two');
    room.request('dataProducer.resume', { dataProducerId: 'p' });
    room.request('dataConsumer.pause', { dataConsumerId: 'c' });
    await send('three');
    room.request('dataConsumer.resume', { dataConsumerId: 'c' });
    await send('four');
    expect(count()).toBe(2);
    expect(room.told('dataConsumer.dataProducerPause')).toHaveLength(1);
    expect(room.told('dataConsumer.dataProducerResume')).toHaveLength(1);
    expect(room.request('dataConsumer.dump', { dataConsumerId: 'c' })).toMatchObject({
      dataProducerId: 'p',
      paused: false,
      drops: { paused: 1 },
    });
  });

  test('a stream that is taken is refused, and both ends give theirs back', async () => {
    const room = newRoom();
    await room.connect('a');
    room.produce('p', 'a', 1);
    expect(() => room.produce('q', 'a', 1)).toThrow(/streamId: 1 is in use/);
    expect(() => room.consume('c', 'nobody', 'a', 2)).toThrow(/not found/);
    room.request('dataProducer.close', { dataProducerId: 'p' });
    expect(room.directory.dataProducers.size).toBe(0);
    expect(room.directory.transports.get('a').data.producers).toEqual([]);
  });

  test('closing: consumers hear of their producer, once', async () => {
    const room = newRoom();
    await room.connect('a');
    await room.connect('b');
    room.produce('p', 'a', 1);
    room.consume('c', 'p', 'b', 1);
    room.consume('d', 'p', 'b', 2);
    room.request('dataConsumer.close', { dataConsumerId: 'd' });
    room.request('dataProducer.close', { dataProducerId: 'p' });
    expect(room.told('dataConsumer.dataProducerClose').map(({ dataConsumerId }) => dataConsumerId)).toEqual([
      'c',
    ]);
    expect(room.directory.dataConsumers.size).toBe(0);
  });
});

describe('a receiver that is slow', () => {
  test('what does not fit is dropped and told; the threshold is told when it drains', async () => {
    const room = newRoom();
    await room.connect('a', { sctpSendBufferSize: 100_000 });
    const ben = await room.connect('b', { sctpSendBufferSize: 100_000 });
    room.produce('p', 'a');
    room.consume('c', 'p', 'b', 3);
    ben.channels.open(channel(3), false);
    room.request('dataConsumer.setBufferedAmountLowThreshold', { dataConsumerId: 'c', threshold: 10_000 });
    const producer = room.directory.dataProducers.get('p');
    // All in one turn of the loop: nothing can leave in between but what the association takes at once.
    for (let i = 0; i < 60; i++) producer.handleMessage(BINARY, new Uint8Array(10_000));
    expect(room.told('dataConsumer.sctpSendBufferFull').length).toBeGreaterThan(0);
    expect(() =>
      room.request('dataConsumer.send', { dataConsumerId: 'c', ppid: TEXT, data: new Uint8Array(50_000) }),
    ).toThrow(expect.objectContaining({ code: 'SCTP_SEND_BUFFER_FULL' }));
    await ben.until(() => room.told('dataConsumer.bufferedAmountLow').length === 1, 'the low threshold');
    const [low] = room.told('dataConsumer.bufferedAmountLow');
    expect(low?.bufferedAmount).toBeLessThanOrEqual(10_000);
    const { messagesSent } = room.request('dataConsumer.getStats', { dataConsumerId: 'c' })[0]!;
    await ben.until(() => ben.messages.length === messagesSent, 'all that were taken');
    expect(messagesSent + room.told('dataConsumer.sctpSendBufferFull').length).toBe(61);
  });
});

describe('the application as one end', () => {
  test('its messages reach peers, and peers’ messages reach it', async () => {
    const room = newRoom();
    const ada = await room.connect('a');
    room.produce('p', 'a');
    room.consume('c', 'p', 'a', 5);
    room.consume('d', 'p', 'a');
    ada.channels.open(channel(5), false);
    room.directory.dataProducers.get('p').handleMessage(TEXT, bytes('hello'));
    await ada.until(() => ada.messages.length === 1, 'message');
    expect(ada.messages[0]!.data).toBe('hello');
    expect(room.told('dataConsumer.message')).toEqual([
      { event: 'dataConsumer.message', dataConsumerId: 'd', data: bytes('hello'), ppid: TEXT },
    ]);
  });

  test.each([
    ['no subchannels: everybody', { subchannels: [] }, ['all', 'one', 'both']],
    ['one of them is enough', { subchannels: [1, 9] }, ['one', 'both']],
    ['the required one must be there', { subchannels: [1], requiredSubchannel: 2 }, ['both']],
    ['the required one alone', { subchannels: [], requiredSubchannel: 2 }, ['both']],
    ['nobody', { subchannels: [3] }, []],
  ])('subchannels: %s', async (_, addressees, expected) => {
    const room = newRoom();
    await room.connect('a');
    room.produce('p', 'a');
    room.consume('all', 'p', 'a');
    room.consume('one', 'p', 'a', undefined, { subchannels: [1] });
    room.consume('both', 'p', 'a');
    expect(
      room.request('dataConsumer.setSubchannels', { dataConsumerId: 'both', subchannels: [1, 2, 2, 4] }),
    ).toEqual({ subchannels: [1, 2, 4] });
    room.request('dataConsumer.removeSubchannel', { dataConsumerId: 'both', subchannel: 4 });
    expect(room.request('dataConsumer.addSubchannel', { dataConsumerId: 'both', subchannel: 2 })).toEqual({
      subchannels: [1, 2],
    });
    room.directory.dataProducers.get('p').handleMessage(TEXT, bytes('hello'), addressees);
    expect(room.told('dataConsumer.message').map(({ dataConsumerId }) => dataConsumerId)).toEqual(expected);
  });
});
