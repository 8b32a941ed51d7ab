/**
 * Receivers and senders that mean harm, against a whole room of pictures: layouts of any kind and pace, sources without key
 * frames, levels that lie, CSRCs that are somebody else's. Whatever one does, the others get what they would have got.
 * Hostile inputs, groups 10 (selection) and 11 (key frames).
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Vp8Encoder } from '../../forward/support/video.js';
import type { SentPacket } from '../../forward/support/video.js';
import { VideoRoomCall } from './support/videoRoomCall.js';
import type { Camera, CanvasWish, Receiving } from './support/videoRoomCall.js';

const FRAMES_PER_SECOND = 30;
/** Of requests for one stream. */
const WINDOW_SECONDS = 0.5;
/** Before an attack begins: by then everybody has a picture. */
const QUIET_FRAMES = 10;

let call: VideoRoomCall;
beforeEach(() => {
  call = new VideoRoomCall();
});
afterEach(() => call.close());

/** All that a receiver got in a slot, but for which frames were key frames: those are everybody's. */
const got = (receiver: Receiving, slot: number): string[] =>
  receiver.media(slot).map(({ sequenceNumber, timestamp, atMicros, csrcs }, i) => {
    const { e, n, p } = receiver.facts(slot)[i]!;
    return `${atMicros} #${sequenceNumber} ${timestamp} [${csrcs.join()}] ${e} ${n}/${p}`;
  });

/** Of one run with the attack and one without: what Ben gets of Ada. */
function compared(attack: (call: VideoRoomCall, mallory: Receiving, frame: number) => void): {
  without: string[];
  during: string[];
  requests: number;
} {
  const run = (attacks: boolean): { seen: string[]; requests: number } => {
    const room = new VideoRoomCall();
    const ada = room.addCamera('ada');
    room.addCamera('cleo');
    const ben = room.addReceiver('ben', 2);
    const mallory = room.addReceiver('mallory', 2);
    room.film(5);
    room.setLayout(ben, [{ id: 1, mode: { participantId: 'ada' } }]);
    for (let frame = 0; frame < 3 * FRAMES_PER_SECOND; frame++) {
      if (attacks && frame >= QUIET_FRAMES) attack(room, mallory, frame - QUIET_FRAMES);
      room.film(1);
    }
    const result = { seen: got(ben, 0), requests: room.requests(ada) };
    room.close();
    return result;
  };
  const attacked = run(true);
  return { without: run(false).seen, during: attacked.seen, requests: attacked.requests };
}

const refused = (wish: () => unknown): string => {
  try {
    wish();
  } catch (error) {
    return String((error as { code?: string }).code);
  }
  return 'taken';
};

describe('layouts', () => {
  test.each<{ name: string; canvases: CanvasWish[]; code: string }>([
    { name: 'oneself', canvases: [{ id: 1, mode: { participantId: 'ben' } }], code: 'OWN_SOURCE' },
    { name: 'the own producer', canvases: [{ id: 1, mode: { producerId: 'ben' } }], code: 'OWN_SOURCE' },
    { name: 'width 0', canvases: [{ id: 1, width: 0 }], code: 'INVALID_CANVAS' },
    { name: 'height −1', canvases: [{ id: 1, height: -1 }], code: 'INVALID_CANVAS' },
    { name: '100,000 pixels', canvases: [{ id: 1, width: 100_000 }], code: 'INVALID_CANVAS' },
    { name: 'not a number', canvases: [{ id: 1, height: Number.NaN }], code: 'INVALID_CANVAS' },
    { name: 'one id twice', canvases: [{ id: 1 }, { id: 1 }], code: 'INVALID_CANVAS' },
    {
      name: 'the same person on all',
      canvases: [1, 2].map((id) => ({ id, mode: { participantId: 'ada' } })),
      code: 'INVALID_CANVAS',
    },
    { name: 'more than slots', canvases: [1, 2, 3].map((id) => ({ id })), code: 'TOO_MANY_CANVASES' },
    {
      name: '1,000',
      canvases: Array.from({ length: 1000 }, (_, at) => ({ id: at + 1 })),
      code: 'TOO_MANY_CANVASES',
    },
  ])('H10.1 $name: refused as $code, and the layout before stays', ({ canvases, code }) => {
    call.addCamera('ada');
    call.addCamera('ben');
    const ben = call.addReceiver('ben', 2);
    call.film(5);
    call.setLayout(ben, [{ id: 1 }]);
    call.film(10);
    const before = ben.media(0).length;
    expect(refused(() => call.setLayout(ben, canvases))).toBe(code);
    call.film(10);
    expect(ben.media(0).length - before).toBe(2 * 10);
    expect(new Set(ben.facts(0).map(({ e }) => e))).toEqual(new Set(['ada']));
  });

  test('H10.2 1,000 layouts a second: nobody else gets another packet, nor a source more than one request a window', () => {
    const { without, during, requests } = compared((room, mallory, frame) => {
      for (let i = 0; i < 33; i++) {
        const [first, second] = (frame + i) % 2 === 0 ? ['ada', 'cleo'] : ['cleo', 'ada'];
        const canvases = [first!, second!].map((participantId, at) => ({
          id: at + 1 + (i % 3),
          mode: { participantId },
        }));
        room.setLayout(mallory, i % 7 === 0 ? [] : canvases);
      }
    });
    expect(during.length).toBeGreaterThan(150);
    expect(during).toEqual(without);
    expect(requests).toBeLessThanOrEqual(3 / WINDOW_SECONDS + 1);
  });

  test('H10.3 after 1,000 layouts the last one is what is shown', () => {
    call.addCamera('ada');
    const cleo = call.addCamera('cleo');
    const ben = call.addReceiver('ben', 1);
    call.film(5);
    for (let i = 0; i < 1000; i++)
      call.setLayout(ben, [{ id: 1 + (i % 9), mode: { participantId: i % 2 === 0 ? 'ada' : 'cleo' } }]);
    call.film(2 * FRAMES_PER_SECOND);
    expect(ben.assignments()).toMatchObject([{ slot: 0, csrc: cleo.csrc, active: true }]);
    expect(ben.facts(0).at(-1)!.e).toBe('cleo');
  });
});

describe('key frames', () => {
  const since = (camera: Camera, frames: number): number => {
    const before = call.requests(camera);
    call.film(frames);
    return call.requests(camera) - before;
  };

  test('H10.4 a source that never sends one: asked once a window, last after 3 s, and back when one comes', () => {
    const mallory = call.addCamera('mallory');
    const ada = call.addCamera('ada');
    const ben = call.addReceiver('ben', 1);
    call.film(5);
    mallory.obeys = false;
    call.setLayout(ben, [{ id: 1 }]);
    expect(since(mallory, 3 * FRAMES_PER_SECOND + 5)).toBeLessThanOrEqual(3 / WINDOW_SECONDS + 2);
    call.film(FRAMES_PER_SECOND);
    expect(ben.assignments()).toMatchObject([{ csrc: ada.csrc, active: true }]);
    expect(new Set(ben.facts(0).map(({ e }) => e))).toEqual(new Set(['ada']));
    // The first key frame, whoever asked for it, makes it one like the others.
    mallory.wants.add(mallory.encoders[0]!.options.ssrc);
    mallory.obeys = true;
    call.film(FRAMES_PER_SECOND);
    expect(ben.assignments()).toMatchObject([{ csrc: mallory.csrc, active: true }]);
  });

  test('H10.5 asked for by name it is waited for, and costs nobody else a packet', () => {
    const mallory = call.addCamera('mallory');
    call.addCamera('ada');
    const ben = call.addReceiver('ben', 2);
    call.film(5);
    mallory.obeys = false;
    call.setLayout(ben, [{ id: 1, mode: { participantId: 'mallory' } }, { id: 2 }]);
    expect(since(mallory, 10 * FRAMES_PER_SECOND)).toBeLessThanOrEqual(10 / WINDOW_SECONDS + 1);
    expect(ben.media(0).length + ben.media(1).length).toBeGreaterThanOrEqual(
      2 * (10 * FRAMES_PER_SECOND - 1),
    );
    expect(ben.assignments()).toMatchObject([
      { canvasId: 1, csrc: mallory.csrc, active: false },
      { canvasId: 2, active: true },
    ]);
  });

  test('H11.1 twenty receivers that switch ten times a second cost a source one request a window', () => {
    const cameras = [call.addCamera('ada'), call.addCamera('cleo')];
    const receivers = Array.from({ length: 20 }, (_, i) => call.addReceiver(`r${i}`, 1));
    call.film(5);
    const before = cameras.map((camera) => call.requests(camera));
    for (let step = 0; step < 50; step++) {
      receivers.forEach((receiver, i) =>
        call.setLayout(receiver, [{ id: 1, mode: { participantId: (step + i) % 2 === 0 ? 'ada' : 'cleo' } }]),
      );
      call.film(3);
    }
    cameras.forEach((camera, i) => {
      expect(call.requests(camera) - before[i]!).toBeGreaterThan(0);
      expect(call.requests(camera) - before[i]!).toBeLessThanOrEqual(5 / WINDOW_SECONDS + 1);
    });
  });

  test('H11.2 a thousand PLIs of a receiver: the same', () => {
    const { without, during, requests } = compared((room, mallory, frame) => {
      if (frame === 0) room.setLayout(mallory, [{ id: 1, mode: { participantId: 'ada' } }]);
      for (let i = 0; i < 33; i++)
        room.call.inject(
          mallory.peer.protectRtcp([{ type: 'pli', senderSsrc: 9, mediaSsrc: mallory.ssrcs[0]! }]),
        );
    });
    expect(during).toEqual(without);
    expect(requests).toBeLessThanOrEqual(3 / WINDOW_SECONDS + 1);
  });
});

describe('speakers', () => {
  const LOUD = 30;
  const SILENT = 90;
  const dominant = (): (string | undefined)[] =>
    call.call.events.flatMap((event) =>
      event.event === 'virtual.dominantSpeaker' ? [event.participantId] : [],
    );

  function room(malloryFirst = SILENT): {
    ben: Receiving;
    voices: Record<'ada' | 'cleo' | 'mallory', { level: number }>;
  } {
    for (const name of ['ada', 'cleo', 'mallory']) call.addCamera(name);
    const [ada, cleo, mallory] = ['ada', 'cleo', 'mallory'].map((name) => call.addVoice(name));
    mallory!.level = malloryFirst;
    const ben = call.addReceiver('ben', 1);
    call.film(FRAMES_PER_SECOND);
    call.setLayout(ben, [{ id: 1 }]);
    call.film(FRAMES_PER_SECOND);
    return { ben, voices: { ada: ada!, cleo: cleo!, mallory: mallory! } };
  }
  const shown = (ben: Receiving): string[] => {
    const names = ben.facts(0).map(({ e }) => e);
    return names.filter((name, i) => name !== names[i - 1]);
  };

  test('who speaks is dominant, and seen', () => {
    const { ben, voices } = room();
    voices.cleo.level = LOUD;
    call.film(2 * FRAMES_PER_SECOND);
    expect(dominant()).toEqual(['cleo']);
    expect(shown(ben)).toEqual(['ada', 'cleo']);
  });

  test('H10.6 a cough moves no picture', () => {
    const { ben, voices } = room();
    voices.cleo.level = LOUD;
    call.film(8);
    voices.cleo.level = SILENT;
    call.film(3 * FRAMES_PER_SECOND);
    expect(dominant()).toEqual([]);
    expect(shown(ben)).toEqual(['ada']);
  });

  test('H10.7 two whose level flaps with every packet: one change of picture, not one per packet', () => {
    const { ben, voices } = room();
    for (let frame = 0; frame < 20 * FRAMES_PER_SECOND; frame++) {
      voices.mallory.level = frame % 2 === 0 ? LOUD : SILENT;
      voices.cleo.level = frame % 2 === 0 ? SILENT : LOUD;
      call.film(1);
    }
    expect(dominant().length).toBeLessThanOrEqual(1);
    expect(shown(ben).length).toBeLessThanOrEqual(2);
  });

  test('H10.8 who claims to be the loudest for ever takes the picture once; who really speaks gets it', () => {
    const { ben, voices } = room(0);
    call.film(15 * FRAMES_PER_SECOND);
    for (let second = 0; second < 5; second++) {
      // Words with a pause in each second, as people speak.
      voices.cleo.level = LOUD;
      call.film(25);
      voices.cleo.level = SILENT;
      call.film(5);
    }
    expect(dominant()).toEqual(['mallory', 'cleo']);
    expect(shown(ben)).toEqual(['mallory', 'cleo']);
  });

  test('H10.9 nobody sees himself, however loud', () => {
    const { voices } = room();
    const cleo = call.addReceiver('cleo', 1);
    call.setLayout(cleo, [{ id: 1 }]);
    voices.cleo.level = LOUD;
    call.film(2 * FRAMES_PER_SECOND);
    expect(dominant()).toEqual(['cleo']);
    expect(cleo.facts(0).length).toBeGreaterThan(0);
    expect(cleo.facts(0).map(({ e }) => e)).not.toContain('cleo');
  });
});

/** Names others as the sources of what it sends. */
class ForgingEncoder extends Vp8Encoder {
  forged: readonly number[] = [];
  override wrap(packet: SentPacket): { from: Uint8Array; bytes: Uint8Array } {
    const csrcs = Buffer.alloc(4 * this.forged.length);
    this.forged.forEach((csrc, at) => csrcs.writeUInt32BE(csrc, 4 * at));
    const { plain } = packet;
    const forged = Buffer.concat([plain.subarray(0, 12), csrcs, plain.subarray(12)]);
    forged[0] = forged[0]! | this.forged.length;
    return super.wrap({ ...packet, plain: forged });
  }
}

test('H10.10 CSRCs of a sender, 42 and those of others among them, go no further', () => {
  const ada = call.addCamera('ada');
  let encoder: ForgingEncoder | undefined;
  const mallory = call.addCamera('mallory', {
    encode: (peer, ssrc, name) => (encoder = new ForgingEncoder(peer, { ssrc, name })),
  });
  encoder!.forged = [ada.csrc, 42, 0];
  const ben = call.addReceiver('ben', 2);
  call.film(5);
  call.setLayout(ben, [{ id: 1 }, { id: 2 }]);
  call.film(FRAMES_PER_SECOND);
  for (const slot of [0, 1]) {
    const packets = ben.media(slot);
    expect(packets.length).toBeGreaterThan(30);
    packets.forEach(({ csrcs }, i) =>
      expect(csrcs).toEqual([ben.facts(slot)[i]!.e === 'ada' ? ada.csrc : mallory.csrc]),
    );
  }
});
