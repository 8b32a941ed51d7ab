/** A stage over virtual streams that only note what is asked of them. */
import type { Producer, VirtualSourceOptions, VirtualStreams } from '@tertulia/sfu';
import { expect, test } from 'vitest';
import { createLogger } from '../../src/logger.js';
import type { MediaSession } from '../../src/media/mediaPort.js';
import { SfuStage, type Cast } from '../../src/media/sfuStage.js';

function setUp() {
  const asked: string[] = [];
  const refused = new Set<string>();
  const step = async (what: string, { id }: { id: string }): Promise<void> => {
    await Promise.resolve();
    if (refused.has(id)) throw new Error('no such source');
    asked.push(`${what} ${id}`);
  };
  const virtual = {
    closed: false,
    addSource: async ({ producer, csrc = 0 }: VirtualSourceOptions) => {
      await step('add', producer);
      return { csrc };
    },
    removeSource: (producer: Producer) => step('remove', producer),
    close: () => void asked.push('close'),
  };
  const casts = new Map<MediaSession, Cast>();
  const stage = new SfuStage(
    virtual as unknown as VirtualStreams,
    (session) => casts.get(session),
    createLogger('silent'),
  );
  const person = (name: string) => {
    const sources = ['voice', 'face'].map((source, at) => ({
      producer: { id: `${name}-${source}`, closed: false } as Producer & { closed: boolean },
      csrc: at + 1,
    }));
    const session = {} as MediaSession;
    casts.set(session, { participantId: name, sources });
    return { session, producers: sources.map(({ producer }) => producer) };
  };
  const done = () => new Promise((resolve) => setImmediate(resolve));
  return { stage, asked, refused, person, done };
}

test('whoever is shown replaces whoever was, in order, also when changes come faster than they are made', async () => {
  const { stage, asked, person, done } = setUp();
  const [ada, ben] = [person('ada'), person('ben')];
  stage.show(ada.session);
  stage.show(ben.session);
  stage.show(undefined);
  await done();
  expect(asked).toEqual([
    ...['add ada-voice', 'add ada-face', 'remove ada-voice', 'remove ada-face'],
    ...['add ben-voice', 'add ben-face', 'remove ben-voice', 'remove ben-face'],
  ]);
});

test('sources that have closed are not removed again, and not added', async () => {
  const { stage, asked, person, done } = setUp();
  const ada = person('ada');
  stage.show(ada.session);
  await done();
  for (const producer of ada.producers) Object.assign(producer, { closed: true });
  stage.show(undefined);
  stage.show(ada.session);
  await done();
  expect(asked).toEqual(['add ada-voice', 'add ada-face']);
});

test('a source that the media process refuses does not keep the others away', async () => {
  const { stage, asked, refused, person, done } = setUp();
  const [ada, ben] = [person('ada'), person('ben')];
  refused.add('ada-voice');
  stage.show(ada.session);
  stage.show(ben.session);
  await done();
  expect(asked).toEqual(['add ada-face', 'remove ada-face', 'add ben-voice', 'add ben-face']);
});
