/**
 * Does on the wire, and in its maps, what the specification says of the Meet Media API's TypeScript reference client:
 * one max-bundle connection with three receiving audio sections, channels that it opens itself, a POST without a content type,
 * participants and media entries by id and key, audio mapped once by CSRC, never by SSRC.
 */
const LOUDEST = 42;
const clients = new Map();

class MeetClient {
  constructor() {
    this.status = 'STATE_UNKNOWN';
    this.disconnectReason = undefined;
    this.messages = []; // every message of every channel, in the order of arrival
    this.entries = new Map(); // resource id → media entry
    this.participants = new Map(); // resource id → participant object
    this.participantsByKey = new Map();
    this.tracks = []; // {track, receiver}
    this.assigned = new Map(); // media entry id → {track index, loudest}
    this.nextRequest = new Map();
    this.pending = new Map();
    this.trackEvents = 0;
    this.errors = [];
  }

  async join({ base, space, token, sections = 3, createRounds = 2 }) {
    const connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    this.connection = connection;
    connection.ontrack = ({ track, receiver }) => {
      this.trackEvents++;
      const element = new Audio();
      element.srcObject = new MediaStream([track]);
      element.play();
      this.tracks.push({ track, receiver, element });
    };
    for (let i = 0; i < sections; i++) connection.addTransceiver('audio', { direction: 'recvonly' });
    if (createRounds > 1) await connection.setLocalDescription(await connection.createOffer());
    this.channels = {};
    for (const label of ['session-control', 'media-stats', 'media-entries', 'participants']) this.open(label);
    const offer = await connection.createOffer();
    await connection.setLocalDescription(offer);

    const response = await fetch(`${base}${space}:connectActiveConference`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${token}` },
      body: JSON.stringify({ offer: offer.sdp }),
    });
    if (!response.ok) throw new Error(JSON.stringify(await response.json(), null, 2));
    const { answer } = await response.json();
    if (!answer) throw new Error('Internal error, no answer in response');
    this.answer = answer;
    await connection.setRemoteDescription({ type: 'answer', sdp: answer });
  }

  open(label) {
    const channel = this.connection.createDataChannel(label, { ordered: true });
    this.channels[label] = channel;
    channel.onopen = () => {
      this.messages.push({ at: performance.now(), label, opened: true });
      if (label === 'session-control') this.status = 'STATE_WAITING';
    };
    channel.onclose = () => {
      this.messages.push({ at: performance.now(), label, closed: true });
      if (label === 'session-control' && this.status !== 'STATE_DISCONNECTED') {
        this.status = 'STATE_DISCONNECTED';
        this.disconnectReason = 'UNKNOWN';
      }
    };
    channel.onmessage = ({ data }) => {
      this.messages.push({ at: performance.now(), label, data });
      try {
        this.handle(label, JSON.parse(data));
      } catch (error) {
        this.errors.push(`${label}: ${error.stack ?? error}`);
      }
    };
  }

  handle(label, message) {
    if (message.response) this.pending.get(`${label}/${message.response.requestId}`)?.(message.response);
    if (label === 'session-control') this.handleSession(message);
    else if (label === 'media-stats' && message.resources)
      this.statsConfiguration = message.resources[0].configuration;
    else if (label === 'participants') this.handleParticipants(message);
    else if (label === 'media-entries') this.handleEntries(message);
  }

  handleSession(message) {
    const resource = message.resources?.[0];
    if (!resource) return;
    const { connectionState, disconnectReason } = resource.sessionStatus;
    this.status = connectionState;
    if (connectionState === 'STATE_DISCONNECTED') {
      this.disconnectReason = disconnectReason;
      for (const label of ['media-stats', 'media-entries']) this.channels[label].close();
    }
  }

  handleParticipants(message) {
    for (const { id } of message.deletedResources ?? []) {
      const participant = this.participants.get(id);
      if (!participant) continue;
      this.participants.delete(id);
      participant.ids.delete(id);
      if (participant.ids.size === 0) this.participantsByKey.delete(participant.key);
    }
    for (const { id, participant } of message.resources ?? []) {
      if (!id) continue;
      // A known id or key replaces the object; entries that point at the old one keep pointing there.
      const known = this.participants.get(id) ?? this.participantsByKey.get(participant.participantKey);
      const fresh = {
        key: participant.participantKey,
        ids: new Set([...(known?.ids ?? []), id]),
        name:
          participant.signedInUser?.displayName ??
          participant.anonymousUser?.displayName ??
          participant.phoneUser?.displayName,
        entries: [],
      };
      for (const each of fresh.ids) this.participants.set(each, fresh);
      this.participantsByKey.set(fresh.key, fresh);
    }
  }

  handleEntries(message) {
    for (const { id } of message.deletedResources ?? []) {
      const entry = this.entries.get(id);
      if (!entry) continue;
      // Throws, as the reference client does, when the entry was never linked to the participant that is known now.
      const at = entry.participant.entries.indexOf(entry);
      if (at < 0) throw new TypeError(`media entry ${id} is not among its participant's entries`);
      entry.participant.entries.splice(at, 1);
      this.entries.delete(id);
      this.assigned.delete(id);
    }
    for (const { id, mediaEntry } of message.resources ?? []) {
      let participant = this.participantsByKey.get(mediaEntry.participantKey);
      if (!participant) {
        participant = {
          key: mediaEntry.participantKey,
          ids: new Set(),
          name: '',
          entries: [],
          placeholder: true,
        };
        this.participantsByKey.set(mediaEntry.participantKey, participant);
      }
      const entry = this.entries.get(id) ?? { id };
      Object.assign(entry, mediaEntry, { participant });
      participant.entries.push(entry);
      this.entries.set(id, entry);
      this.searchTrack(entry);
    }
  }

  /** Runs only when a message for the entry comes; a miss keeps looking at the tracks until somebody assigns it. */
  searchTrack(entry) {
    if (entry.audioMuted || !entry.audioCsrc) return;
    const sourcesOf = ({ receiver }) => receiver.getContributingSources();
    const assigned = this.assigned.get(entry.id);
    if (assigned) {
      if (sourcesOf(this.tracks[assigned.track]).some(({ source }) => source === entry.audioCsrc)) return;
      this.assigned.delete(entry.id);
    }
    const look = () => {
      if (this.assigned.has(entry.id) || this.entries.get(entry.id) !== entry) return;
      for (const [index, track] of this.tracks.entries()) {
        const sources = sourcesOf(track);
        const newest = sources
          .filter(({ source }) => source !== LOUDEST)
          .sort((left, right) => right.timestamp - left.timestamp)[0];
        if (newest?.source !== entry.audioCsrc) continue;
        const loudest = sources.some(
          ({ source, timestamp }) => source === LOUDEST && Math.abs(timestamp - newest.timestamp) < 40,
        );
        this.assigned.set(entry.id, { track: index, loudest });
        return;
      }
      setTimeout(look, 20);
    };
    look();
  }

  request(label, payload, requestId = (this.nextRequest.get(label) ?? 0) + 1) {
    this.nextRequest.set(label, requestId);
    return new Promise((resolve) => {
      this.pending.set(`${label}/${requestId}`, resolve);
      this.channels[label].send(JSON.stringify({ request: { requestId, ...payload } }));
    });
  }
}

export async function join(name, options) {
  const client = new MeetClient();
  clients.set(name, client);
  await client.join(options);
}

export function state(name) {
  const client = clients.get(name);
  return {
    status: client.status,
    disconnectReason: client.disconnectReason,
    messages: client.messages,
    trackEvents: client.trackEvents,
    errors: client.errors,
    answer: client.answer,
    entries: [...client.entries.values()].map((entry) => ({
      id: entry.id,
      audioCsrc: entry.audioCsrc,
      audioMuted: entry.audioMuted ?? false,
      name: entry.participant.name,
      sessionName: entry.sessionName,
      assigned: client.assigned.get(entry.id),
    })),
    channels: Object.fromEntries(
      Object.entries(client.channels).map(([label, channel]) => [label, channel.readyState]),
    ),
    connectionState: client.connection.connectionState,
  };
}

export const request = (name, label, payload, requestId) =>
  clients.get(name).request(label, payload, requestId);
export const sendRaw = (name, label, data) =>
  clients.get(name).channels[label].send(typeof data === 'string' ? data : new Uint8Array(data));

/** By track: the newest CSRC that was played within the last 150 ms, whether it is marked loudest, and packets so far. */
export async function heard(name) {
  const client = clients.get(name);
  const report = await client.connection.getStats();
  const packets = new Map();
  for (const entry of report.values())
    if (entry.type === 'inbound-rtp') packets.set(entry.trackIdentifier, entry.packetsReceived);
  const before = client.tracks.map(({ receiver }) => newest(receiver)?.timestamp);
  await new Promise((resolve) => setTimeout(resolve, 150));
  return client.tracks.map(({ receiver, track }, index) => {
    const speaker = newest(receiver);
    const live = speaker !== undefined && speaker.timestamp !== before[index];
    const marker = receiver.getContributingSources().find(({ source }) => source === LOUDEST);
    return {
      csrc: live ? speaker.source : 0,
      loudest: live && marker !== undefined && Math.abs(marker.timestamp - speaker.timestamp) < 40,
      packets: packets.get(track.id) ?? 0,
    };
  });
}

function newest(receiver) {
  return receiver
    .getContributingSources()
    .filter(({ source }) => source !== LOUDEST)
    .sort((left, right) => right.timestamp - left.timestamp)[0];
}

/** Bytes that arrived on the transport so far. */
export async function transportBytes(name) {
  for (const entry of (await clients.get(name).connection.getStats()).values())
    if (entry.type === 'transport') return entry.bytesReceived;
  return 0;
}
