/**
 * Who is played to those that asked for one participant: by the participant's id, or by the identity that the token of a
 * publisher has. So a player can wait for somebody who is not there yet, and stays when a publisher comes back as another
 * participant. Of several with one identity the latest that is connected is played.
 * Elsewhere: sound and pictures of a stage → media/ · when a player may come → conference.ts
 */
import type { MediaRoom, MediaSession, MediaStage } from '../media/mediaPort.js';
import type { Participant } from './participant.js';

/** A player's place before a stage. */
export interface StagePlace {
  readonly media: Promise<MediaStage>;
  /** Once, also when the stage could not be had. */
  release(): void;
}

interface Stage {
  readonly room: MediaRoom;
  readonly media: Promise<MediaStage>;
  players: number;
  shown: MediaSession | undefined;
}

export class Stages {
  readonly #stages = new Map<string, Stage>();

  constructor(private readonly participants: ReadonlyMap<string, Participant>) {}

  take(name: string, room: MediaRoom): StagePlace {
    let stage = this.#stages.get(name);
    // That of a media process that died is of no use to newcomers.
    if (stage?.room !== room) {
      stage = { room, media: room.createStage(), players: 0, shown: undefined };
      this.#stages.set(name, stage);
      this.#renew(name, stage);
    }
    const taken = stage;
    taken.players++;
    return { media: taken.media, release: () => this.#release(name, taken) };
  }

  #release(name: string, stage: Stage): void {
    if (--stage.players > 0) return;
    if (this.#stages.get(name) === stage) this.#stages.delete(name);
    stage.media.then(
      (media) => media.close(),
      () => undefined,
    );
  }

  /** After anybody connected, left or came back. */
  update(): void {
    for (const [name, stage] of this.#stages) this.#renew(name, stage);
  }

  #renew(name: string, stage: Stage): void {
    const shown = this.#find(name)?.session?.media;
    if (shown === stage.shown) return;
    stage.shown = shown;
    stage.media.then(
      (media) => media.show(stage.shown),
      () => undefined,
    );
  }

  #find(name: string): Participant | undefined {
    const byId = this.participants.get(name);
    if (byId) return isOn(byId) ? byId : undefined;
    let latest: Participant | undefined;
    for (const participant of this.participants.values())
      if (participant.identity === name && isOn(participant)) latest = participant;
    return latest;
  }
}

const isOn = ({ session }: Participant): boolean =>
  session?.isConnected === true && session.ended === undefined;
