/**
 * Checks of the Meet sheet (docs/meet.md) for pictures where every packet counts: the whole media core, in virtual time. The
 * receiver is a client of that endpoint: nobody in the room, three video sections.
 */
import { afterEach, describe, expect, test } from 'vitest';
import type { HeardRtp, Peer } from '../../media/support/memoryCall.js';
import { factsOf, judge, vp8Faults, Vp8Encoder } from '../../forward/support/video.js';
import type { FrameFacts, SentPacket } from '../../forward/support/video.js';
import { RECEIVER_PAYLOAD_TYPE, VideoRoomCall } from './support/videoRoomCall.js';
import type { Camera, Receiving } from './support/videoRoomCall.js';

const FRAMES_PER_SECOND = 30;
const SECOND = 1_000_000;
const LOUD = 15;
const SILENT = 100;

let room: VideoRoomCall;
afterEach(() => room.close());

interface Meeting {
  readonly cameras: Camera[];
  readonly bot: Receiving;
}
/** People a, b, c … with a camera and a microphone each, and a Meet client. */
function meet(people: number, packetsPerFrame = 2): Meeting {
  room = new VideoRoomCall();
  const cameras = Array.from({ length: people }, (_, i) => {
    const name = String.fromCharCode(97 + i);
    room.addVoice(name);
    return room.addCamera(name, {
      encode: (peer, ssrc) => new Vp8Encoder(peer, { ssrc, name, packetsPerFrame }),
    });
  });
  const bot = room.addReceiver('bot', 3);
  room.film(10);
  return { cameras, bot };
}
const layout = (bot: Receiving, ...ids: number[]): void =>
  void room.setLayout(
    bot,
    ids.map((id) => ({ id })),
  );
/** 'a' … of each canvas, by canvas. */
const shown = (bot: Receiving): Record<number, string> =>
  Object.fromEntries(bot.assignments().map(({ canvasId, participantId }) => [canvasId, participantId]));
const mark = (bot: Receiving): number[] => bot.ssrcs.map((_, slot) => bot.media(slot).length);
const since = (bot: Receiving, from: readonly number[]): HeardRtp[][] =>
  bot.ssrcs.map((_, slot) => bot.media(slot).slice(from[slot]));
const speak = (name: string): void => {
  for (const voice of room.voices) voice.level = voice.name === name ? LOUD : SILENT;
};
const pause = (camera: Camera, paused: boolean): void =>
  void room.call.core.handleRequest(paused ? 'producer.pause' : 'producer.resume', {
    producerId: camera.producerId,
  });
/** Of a packet that is one, by its encoder. */
const senders = (packets: readonly HeardRtp[]): Set<string> =>
  new Set(packets.flatMap(({ payload }) => factsOf(payload)?.e ?? []));
/** Every rule that holds for each packet of a slot: M07, M10. */
function fine(bot: Receiving, cameras: readonly Camera[]): void {
  const csrcOf = new Map(cameras.map(({ producerId, csrc }) => [producerId, csrc]));
  bot.ssrcs.forEach((_, slot) => {
    const media = bot.media(slot);
    expect(judge(media)).toMatchObject({ faults: [], undecodable: [] });
    expect(vp8Faults(media)).toEqual([]);
    for (const { csrcs, payload, payloadType } of media) {
      expect(payloadType).toBe(RECEIVER_PAYLOAD_TYPE);
      const { e = '' } = factsOf(payload) ?? {};
      expect(csrcs).toEqual([csrcOf.get(e)]);
    }
  });
  for (const { payloadType } of bot.peer.rtp)
    expect([RECEIVER_PAYLOAD_TYPE, RECEIVER_PAYLOAD_TYPE + 1]).toContain(payloadType);
}

describe('what is sent', () => {
  test('V02 no packet of video before a layout', () => {
    const { bot } = meet(3);
    room.film(5 * FRAMES_PER_SECOND);
    expect(bot.peer.rtp).toEqual([]);
  });

  test('V03 M10 as many canvases as sections: every SSRC another source, every packet with its CSRC', () => {
    const { bot, cameras } = meet(4);
    layout(bot, 1, 2, 3);
    room.film(3 * FRAMES_PER_SECOND);
    const sent = bot.ssrcs.map((_, slot) => [...senders(bot.media(slot))]);
    for (const each of sent) expect(each).toHaveLength(1);
    expect(new Set(sent.flat()).size).toBe(3);
    // The assignment says which SSRC carries whom.
    for (const { slot = -1, participantId } of bot.assignments()) expect(sent[slot]).toEqual([participantId]);
    fine(bot, cameras);
  });

  test('V04 more canvases than sections are refused, and the pictures before go on', () => {
    const { bot, cameras } = meet(4);
    layout(bot, 1, 2);
    room.film(FRAMES_PER_SECOND);
    const before = shown(bot);
    expect(() => layout(bot, 1, 2, 3, 4)).toThrow(expect.objectContaining({ code: 'TOO_MANY_CANVASES' }));
    const from = mark(bot);
    room.film(FRAMES_PER_SECOND);
    expect(shown(bot)).toEqual(before);
    expect(since(bot, from).filter((packets) => packets.length > FRAMES_PER_SECOND)).toHaveLength(2);
    fine(bot, cameras);
  });

  test('V07 no canvases: the video stops at once', () => {
    const { bot } = meet(3);
    layout(bot, 1, 2, 3);
    room.film(FRAMES_PER_SECOND);
    layout(bot);
    const from = mark(bot);
    room.film(2 * FRAMES_PER_SECOND);
    expect(since(bot, from).flat()).toEqual([]);
    expect(bot.assignments()).toEqual([]);
  });

  test('V08 the same canvases in a new layout keep their sources and SSRCs', () => {
    const { bot, cameras } = meet(5);
    layout(bot, 1, 2, 3);
    room.film(FRAMES_PER_SECOND);
    const before = bot.assignments();
    layout(bot, 3, 2, 1);
    room.film(FRAMES_PER_SECOND);
    const byCanvas = (list: Receiving['assignments']): Record<number, unknown> =>
      Object.fromEntries(list.call(bot).map(({ canvasId, slot, csrc }) => [canvasId, { slot, csrc }]));
    expect(byCanvas(bot.assignments)).toEqual(byCanvas(() => before));
    fine(bot, cameras);
  });

  test('V09 D10 a camera that is muted: no packet of it, another in its place; unmuted, the same CSRC', () => {
    const { bot, cameras } = meet(4);
    layout(bot, 1, 2, 3);
    room.film(FRAMES_PER_SECOND);
    const gone = cameras.find(({ producerId }) => producerId === shown(bot)[2]);
    if (!gone) throw new Error('nobody on canvas 2');
    const others = { 1: shown(bot)[1], 3: shown(bot)[3] };
    pause(gone, true);
    gone.sends = false;
    const from = mark(bot);
    room.film(2 * FRAMES_PER_SECOND);
    for (const { csrcs } of since(bot, from).flat()) expect(csrcs).not.toContain(gone.csrc);
    expect(shown(bot)).toMatchObject(others);
    expect(shown(bot)[2]).toBe('d');
    pause(gone, false);
    gone.sends = true;
    speak(gone.producerId);
    room.film(4 * FRAMES_PER_SECOND);
    expect(bot.assignments().map(({ csrc }) => csrc)).toContain(gone.csrc);
    fine(bot, cameras);
  });

  test('V10 fewer cameras than canvases: no canvas without a camera; who comes later fills one unasked', () => {
    const { bot, cameras } = meet(1);
    layout(bot, 1, 2, 3);
    room.film(FRAMES_PER_SECOND);
    expect(Object.values(shown(bot))).toEqual(['a']);
    const late = room.addCamera('late');
    room.film(2 * FRAMES_PER_SECOND);
    expect(Object.values(shown(bot)).sort()).toEqual(['a', 'late']);
    expect(senders(bot.ssrcs.flatMap((_, slot) => bot.media(slot)))).toEqual(new Set(['a', 'late']));
    fine(bot, [...cameras, late]);
  });

  test('V11 D11 who speaks and what is presented are among the assigned; the screen is a source of its own', () => {
    const { bot, cameras } = meet(8);
    layout(bot, 1, 2);
    room.film(FRAMES_PER_SECOND);
    speak('g');
    const screen = room.addCamera('h', { producerId: 'screen of h', content: 'screen' });
    room.film(4 * FRAMES_PER_SECOND);
    const csrcs = bot.assignments().map(({ csrc }) => csrc);
    expect(new Set(csrcs)).toEqual(new Set([screen.csrc, cameras[6]?.csrc]));
    expect(screen.csrc).not.toBe(cameras[7]?.csrc);
    room.call.core.handleRequest('producer.close', { producerId: screen.producerId });
    screen.sends = false;
    const from = mark(bot);
    room.film(2 * FRAMES_PER_SECOND);
    for (const packet of since(bot, from).flat()) expect(packet.csrcs).not.toContain(screen.csrc);
    expect(bot.assignments().map(({ csrc }) => csrc)).not.toContain(screen.csrc);
    expect(bot.assignments()).toHaveLength(2);
    fine(bot, [...cameras, screen]);
  });

  test('L03 after the end of the session nothing is sent', () => {
    const { bot } = meet(3);
    layout(bot, 1, 2, 3);
    room.film(FRAMES_PER_SECOND);
    room.call.core.handleRequest('virtual.closeReceiver', {
      virtualStreamsId: 'virtual',
      receiverId: bot.id,
    });
    const from = mark(bot);
    room.film(FRAMES_PER_SECOND);
    expect(since(bot, from).flat()).toEqual([]);
  });
});

describe('a switch', () => {
  test('M07 M08 M10 begins with a key frame that was asked for; numbers continue, every packet has its CSRC', () => {
    const { bot, cameras } = meet(5);
    layout(bot, 1);
    room.film(FRAMES_PER_SECOND);
    for (const name of ['c', 'e', 'b', 'd', 'a', 'c']) {
      const asked = new Map(cameras.map((camera) => [camera.producerId, room.requests(camera)]));
      const from = mark(bot);
      speak(name);
      room.film(4 * FRAMES_PER_SECOND);
      expect(shown(bot)).toEqual({ 1: name });
      const first = since(bot, from)
        .flat()
        .find(({ payload }) => factsOf(payload)?.e === name);
      expect(factsOf(first?.payload ?? Buffer.alloc(0))).toMatchObject({
        key: true,
        p: 0,
      } satisfies Partial<FrameFacts>);
      const camera = cameras.find(({ producerId }) => producerId === name);
      if (!camera) throw new Error('no camera');
      expect(room.requests(camera)).toBeGreaterThan(asked.get(name) ?? 0);
    }
    fine(bot, cameras);
  });

  test('M08 the publisher sees a PLI within a second of the layout', () => {
    const { bot, cameras } = meet(2);
    const askedMicros = room.call.nowMicros;
    layout(bot, 1, 2);
    room.film(FRAMES_PER_SECOND);
    for (const camera of cameras) {
      const pli = camera.peer.rtcp.find(
        ({ packet, atMicros }) => packet.type === 'pli' && atMicros >= askedMicros,
      );
      expect(pli?.atMicros ?? Infinity).toBeLessThan(askedMicros + SECOND);
    }
  });

  test('M09 PLI and FIR of the client reach the publisher; a packet that it lost comes again, with its CSRC', () => {
    const { bot, cameras } = meet(1);
    layout(bot, 1);
    room.film(FRAMES_PER_SECOND);
    const [ssrc = 0] = bot.ssrcs;
    const [camera] = cameras;
    if (!camera) throw new Error('no camera');
    const own = { senderSsrc: 77, mediaSsrc: ssrc };
    for (const packet of [
      { type: 'pli' as const, ...own },
      { type: 'fir' as const, senderSsrc: 77, mediaSsrc: ssrc, entries: [{ ssrc, sequence: 1 }] },
    ]) {
      const asked = room.requests(camera);
      const keys = bot.facts(0).filter(({ key }) => key).length;
      room.call.inject(bot.peer.protectRtcp([packet]));
      room.film(2 * FRAMES_PER_SECOND);
      expect(room.requests(camera), packet.type).toBeGreaterThan(asked);
      expect(bot.facts(0).filter(({ key }) => key).length).toBeGreaterThan(keys);
    }
    const lost = bot.media(0).at(-5);
    if (!lost) throw new Error('nothing was sent');
    const count = bot.peer.rtp.length;
    room.call.inject(bot.peer.protectRtcp([{ type: 'nack', ...own, lost: [lost.sequenceNumber] }]));
    room.call.advance(100_000);
    const again = bot.peer.rtp.slice(count).find((packet) => packet.ssrc === ssrc + 1);
    expect(again?.payloadType).toBe(RECEIVER_PAYLOAD_TYPE + 1);
    expect(again?.payload.readUInt16BE(0)).toBe(lost.sequenceNumber);
    expect(again?.payload.subarray(2).equals(lost.payload)).toBe(true);
    expect([again?.timestamp, again?.csrcs]).toEqual([lost.timestamp, [camera.csrc]]);
    fine(bot, cameras);
  });
});

/** Three layers of simulcast, each twice as wide as the one below; the highest is 1280 × 720. */
const SIZES = [
  [320, 180],
  [640, 360],
  [1280, 720],
] as const;
class SizedEncoder extends Vp8Encoder {
  constructor(
    peer: Peer,
    options: ConstructorParameters<typeof Vp8Encoder>[1],
    readonly size: readonly [number, number],
  ) {
    super(peer, options);
  }
  override frame(nowMicros: number, wantsKey = false): SentPacket[] {
    const packets = super.frame(nowMicros, wantsKey);
    for (const { plain } of packets) {
      const at = Buffer.from(plain.buffer, plain.byteOffset, plain.length).indexOf(
        Buffer.from([0x9d, 0x01, 0x2a]),
      );
      if (at < 0) continue;
      const view = new DataView(plain.buffer, plain.byteOffset + at + 3);
      this.size.forEach((side, i) => view.setUint16(2 * i, side, true));
    }
    return packets;
  }
}

test('V14 a limit of 320 × 180 × 15: only the layer of that size, and no more frames', () => {
  room = new VideoRoomCall();
  let layer = 0;
  const camera = room.addCamera('a', {
    layers: 3,
    parameters: {
      encodings: [2010, 2020, 2030].map((ssrc) => ({ ssrc, rtx: ssrc + 1, scalabilityMode: 'L1T3' })),
    },
    encode: (peer, ssrc, name) =>
      new SizedEncoder(
        peer,
        { ssrc, name: `${name}.${layer}`, temporalLayers: 3 },
        SIZES[layer++] ?? SIZES[0],
      ),
  });
  const bot = room.addReceiver('bot', 3);
  room.film(FRAMES_PER_SECOND);
  const canvases = [{ id: 1, width: 1920, height: 1080 }];
  room.setLayout(bot, canvases, { width: 320, height: 180, frameRate: 15 });
  room.film(10 * FRAMES_PER_SECOND);
  expect(senders(bot.media(0))).toEqual(new Set(['a.0']));
  const frames = new Set(bot.media(0).map(({ timestamp }) => timestamp)).size;
  expect(frames).toBeLessThanOrEqual(10 * 15 + 2);
  expect(frames).toBeGreaterThan(10 * 15 - 20);
  expect(judge(bot.media(0))).toMatchObject({ faults: [], undecodable: [] });
  expect(vp8Faults(bot.media(0))).toEqual([]);
  for (const { csrcs } of bot.media(0)) expect(csrcs).toEqual([camera.csrc]);
  // And without the limit, what covers the canvas, as far as the bandwidth is known to hold it.
  room.setLayout(bot, canvases);
  const from = mark(bot);
  room.film(20 * FRAMES_PER_SECOND);
  expect([...senders(since(bot, from)[0] ?? [])].sort().at(-1)).not.toBe('a.0');
});

test('M12 ten minutes with fifty changes of speaker: the same SSRCs, and every participant the same CSRC', () => {
  const { bot, cameras } = meet(3, 1);
  layout(bot, 1);
  const csrcOf = new Map(cameras.map(({ producerId, csrc }) => [producerId, csrc]));
  const wrong: string[] = [];
  const seen = new Set<number>();
  let switches = 0;
  for (let change = 0; change < 50; change++) {
    const name = 'abc'[change % 3] ?? '';
    speak(name);
    for (let second = 0; second < 12; second++) {
      room.film(FRAMES_PER_SECOND);
      for (const { ssrc, csrcs, payload } of bot.peer.rtp.splice(0)) {
        seen.add(ssrc);
        const { e = '' } = factsOf(payload) ?? {};
        if (e !== '' && (csrcs.length !== 1 || csrcs[0] !== csrcOf.get(e)))
          wrong.push(`${csrcs.join()} for ${e}`);
      }
    }
    expect(shown(bot)).toEqual({ 1: name });
    switches = bot.changes().length;
  }
  expect(wrong).toEqual([]);
  expect(switches).toBeGreaterThanOrEqual(50);
  for (const ssrc of seen) expect(bot.ssrcs.flatMap((own) => [own, own + 1])).toContain(ssrc);
});
