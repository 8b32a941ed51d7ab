/** Which session a captured packet belongs to, when a session has more than one transport. */
import type { Capture, CaptureBatch, CapturedPacket } from '@tertulia/sfu';
import { expect, test } from 'vitest';
import { SfuCapture } from '../../src/media/sfuCapture.js';
import type { MediaSession } from '../../src/media/mediaPort.js';

const packet = (transportId: string): CapturedPacket => ({
  transportId,
  direction: 'incoming',
  kind: 'rtp',
  unixMicros: 5,
  protocol: 'udp',
  local: undefined,
  remote: undefined,
  bytes: Uint8Array.of(1),
});

test('sound and picture of a program that sends each to a port of its own are one session', async () => {
  const added: string[] = [];
  const batch: CaptureBatch = {
    packets: [packet('sound'), packet('picture'), packet('ben')],
    losses: new Map([
      ['sound', { incoming: 1, outgoing: 0 }],
      ['picture', { incoming: 2, outgoing: 3 }],
      ['ben', { incoming: 0, outgoing: 0 }],
    ]),
    lost: 0,
  };
  const library = {
    add: ({ id }: { id: string }) => Promise.resolve(void added.push(id)),
    read: () => Promise.resolve(batch),
  } as unknown as Capture;
  const capture = new SfuCapture(library);
  await capture.add({ id: 'studio', transportIds: ['sound', 'picture'] } as unknown as MediaSession);
  await capture.add({ id: 'ben', transportIds: ['ben'] } as unknown as MediaSession);
  expect(added).toEqual(['sound', 'picture', 'ben']);
  const { packets, losses } = await capture.read();
  expect(packets.map(({ sessionId }) => sessionId)).toEqual(['studio', 'studio', 'ben']);
  expect(losses.get('studio')).toEqual({ incoming: 3, outgoing: 3 });
});
