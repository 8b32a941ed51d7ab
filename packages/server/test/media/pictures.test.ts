/** Pictures through the media port with a real media process, over sockets on loopback: camera in, slot out. */
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { LoopbackPeer } from '../../../sfu/test/media/support/loopbackPeer.js';
import { createLogger } from '../../src/logger.js';
import type { MediaPort, MediaRoom, MediaSession } from '../../src/media/mediaPort.js';
import { createSfuMedia } from '../../src/media/sfuMedia.js';
import type { VideoAssignment, VideoSlotChange } from '../../src/rooms/news.js';
import { receiverRequest, sourceRequests } from '../../src/sdp/mediaRequest.js';
import { readOfferText } from '../../src/sdp/offerReader.js';
import { planSession } from '../../src/sdp/sessionPlan.js';
import { makeOffer } from '../support/offers.js';
import { freeMediaPort } from '../support/ports.js';

const SOON = { timeout: 10_000, interval: 20 };
const VP8 = 96;
const PICTURE_MS = 33;
/** RFC 7741 §4.2 and §4.3: one partition; a key frame of 640 × 360, or the picture behind it. */
const KEY_FRAME = [0x10, 0x10, 2, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01];
const PICTURE = [0x10, 0x11, 2, 0];

let media: MediaPort;
let room: MediaRoom;
const people: Person[] = [];

beforeAll(async () => {
  const port = await freeMediaPort();
  media = await createSfuMedia(
    { workers: 1, listen: [{ ip: '127.0.0.1' }], port, audioSlots: 0, videoSlots: 2 },
    createLogger('silent'),
  );
  room = await media.createRoom('tea');
});
afterEach(() => {
  for (const person of people.splice(0)) person.leave();
});
afterAll(() => media.close());

/** Somebody with a camera and two slots. */
class Person {
  readonly peer = new LoopbackPeer();
  readonly told: string[] = [];
  readonly changes: VideoSlotChange[] = [];
  assignments: readonly VideoAssignment[] = [];
  #session: MediaSession | undefined;
  #answered = 0;
  #filming: NodeJS.Timeout | undefined;

  private constructor(
    readonly id: string,
    readonly ssrc: number,
  ) {}

  static async join(id: string, ssrc: number): Promise<Person> {
    const person = new Person(id, ssrc);
    people.push(person);
    const camera = [`a=ssrc:${ssrc} cname:${id}`, `a=rtcp-fb:${VP8} nack pli`, `a=rtcp-fb:${VP8} nack`];
    const offer = makeOffer([
      { kind: 'video', direction: 'sendonly', vp8: VP8, extra: camera },
      { kind: 'video', vp8: VP8, extra: camera.slice(1) },
      { kind: 'video', vp8: VP8, extra: camera.slice(1) },
    ]);
    const plan = planSession(readOfferText(offer), {
      publish: true,
      subscribe: true,
      audioSlots: 0,
      videoSlots: 2,
    });
    const session = await room.createSession(
      {
        participantId: id,
        fingerprints: person.peer.dtlsParameters.fingerprints,
        sources: sourceRequests(plan, () => ({ paused: false, csrc: undefined })),
        receiver: receiverRequest(plan),
        dataChannels: false,
      },
      {
        connected: () => person.told.push('connected'),
        lost: () => person.told.push('lost'),
        channelOpened: () => undefined,
        channelMessage: () => undefined,
        channelClosed: () => undefined,
        slotsChanged: () => undefined,
        videoSlotsChanged: (changes) => person.changes.push(...changes),
        assignmentsChanged: (assignments) => (person.assignments = assignments),
      },
    );
    person.#session = session;
    const { usernameFragment, password, candidates } = session.ice;
    const [candidate] = candidates;
    if (!candidate) throw new Error('no candidate');
    person.peer.connect(
      { usernameFragment, password, iceLite: true },
      { ...candidate, ip: candidate.address, type: 'host' },
    );
    await vi.waitFor(() => expect(person.told).toEqual(['connected']), SOON);
    return person;
  }

  get session(): MediaSession {
    if (!this.#session) throw new Error('not joined');
    return this.#session;
  }
  get csrc(): number {
    return this.session.sources[0]?.csrc ?? 0;
  }

  /** A key frame whenever one is asked for. */
  film(): this {
    let first = true;
    this.#filming = setInterval(() => {
      const asked = this.peer.rtcp.slice(this.#answered).some(({ type }) => type === 'pli');
      this.#answered = this.peer.rtcp.length;
      const head = first || asked ? KEY_FRAME : PICTURE;
      first = false;
      this.peer.film(this.ssrc, VP8, Buffer.concat([Buffer.from(head), Buffer.from(this.id)]));
    }, PICTURE_MS);
    return this;
  }

  /** Pictures of a slot, by whom they are of. */
  seen(slot: number): { csrc: number | undefined; of: string; sequence: number; payloadType: number }[] {
    const ssrc = this.session.videoSlots[slot]?.rtpParameters.encodings?.[0]?.ssrc;
    return this.peer.rtp
      .filter((packet) => packet.ssrc === ssrc)
      .map(({ csrcs, payload, sequenceNumber, payloadType }) => ({
        csrc: csrcs[0],
        of: /p_[a-z]+$/.exec(payload)?.[0] ?? '',
        sequence: sequenceNumber,
        payloadType,
      }));
  }

  leave(): void {
    clearInterval(this.#filming);
    this.peer.close();
    this.#session?.close();
  }
}

const relevant = (id: number) => ({ id, width: 640, height: 360, mode: 'relevant' as const });

test('a camera goes through a slot to who asks for it, named by its CSRC in each packet; the numbers have no gap', async () => {
  const [ada, ben] = [await Person.join('p_ada', 1_001), await Person.join('p_ben', 2_001)];
  ada.film();
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(ben.peer.rtp).toEqual([]);
  await ben.session.setLayout([relevant(1)], undefined);
  await vi.waitFor(() => expect(ben.seen(0).length).toBeGreaterThan(10), SOON);
  const seen = ben.seen(0);
  seen.forEach(({ csrc, of, sequence, payloadType }, at) => {
    expect([csrc, of, payloadType]).toEqual([ada.csrc, 'p_ada', VP8]);
    expect(sequence).toBe(((seen[0]?.sequence ?? 0) + at) & 0xffff);
  });
  expect(ben.assignments).toMatchObject([
    { canvasId: 1, slot: 0, csrc: ada.csrc, participantId: 'p_ada', active: true },
  ]);
  expect(ben.changes[0]).toMatchObject({ slot: 0, csrc: ada.csrc, epoch: 1 });
  expect(ben.changes[0]?.captureTimeMs).toBeGreaterThan(Date.now() - 60_000);
  expect((await media.counters()).get('virtualStreams_videoSlotsActive')).toBe(1);
});

test('nobody gets their own camera; a muted one leaves its slot to the next, whose packets have its own CSRC', async () => {
  const [ada, ben] = [await Person.join('p_ada', 1_001), await Person.join('p_ben', 2_001)];
  const cleo = await Person.join('p_cleo', 3_001);
  for (const person of [ada, ben, cleo]) person.film();
  await cleo.session.setLayout([relevant(1)], undefined);
  await ada.session.setLayout([relevant(1), relevant(2)], undefined);
  await vi.waitFor(() => expect(ada.seen(0).length && ada.seen(1).length).toBeGreaterThan(5), SOON);
  expect(ada.assignments.map(({ participantId }) => participantId).sort()).toEqual(['p_ben', 'p_cleo']);
  expect(new Set([...ada.seen(0), ...ada.seen(1)].map(({ of }) => of))).toEqual(new Set(['p_ben', 'p_cleo']));
  await vi.waitFor(() => expect(cleo.seen(0).length).toBeGreaterThan(5), SOON);
  const first = cleo.seen(0)[0]?.of === 'p_ada' ? ada : ben;
  const next = first === ada ? ben : ada;
  first.session.setPaused('camera', true);
  await vi.waitFor(() => expect(cleo.seen(0).at(-1)?.of).toBe(next.id), SOON);
  for (const { csrc, of } of cleo.seen(0)) expect(csrc).toBe(of === 'p_ada' ? ada.csrc : ben.csrc);
  expect(cleo.changes.at(-1)).toMatchObject({ slot: 0, csrc: next.csrc, epoch: 2 });
  await cleo.session.setLayout([], undefined);
  await vi.waitFor(() => expect(cleo.assignments).toEqual([]), SOON);
});
