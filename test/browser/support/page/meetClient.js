/**
 * Does on the wire, and in its maps, what the specification says of the Meet Media API's TypeScript reference client: one
 * max-bundle connection with three receiving audio and video sections, the data section between them; five channels that it
 * opens itself; a POST without a content type; participants and media entries by id and key; audio mapped once by CSRC, video
 * by SSRC whenever an assignment names one. Its quirks are kept where they show.
 */
const LOUDEST = 42;
const MAX_RESOLUTION = { height: 1080, width: 1920, frameRate: 30 };
const clients = new Map();

class MeetClient {
  constructor() {
    this.status = 'STATE_UNKNOWN';
    this.disconnectReason = undefined;
    this.messages = []; // every message of every channel, in the order of arrival
    this.entries = new Map(); // resource id → media entry
    this.participants = new Map(); // resource id → participant object
    this.participantsByKey = new Map();
    this.tracks = []; // audio: {track, receiver, element}
    this.videoTracks = []; // video: the same
    this.assigned = new Map(); // media entry id → {track index, loudest}
    this.layouts = new Map(); // canvas id → {id, dimensions, entry}
    this.nextCanvas = 1;
    this.screenshare = undefined;
    this.nextRequest = new Map();
    this.pending = new Map();
    this.trackEvents = 0;
    this.errors = [];
  }

  /**
   * @param editOffer, editAnswer lists of [pattern, replacement], for checks that need another client's SDP
   * @param speaks beyond the reference client: a section that sends a tone
   */
  async join({
    base,
    space,
    token,
    audio = 3,
    video = 3,
    withoutCodecs = [],
    editOffer = [],
    editAnswer = [],
    speaks = false,
  }) {
    const connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    this.connection = connection;
    connection.ontrack = ({ track, receiver }) => {
      this.trackEvents++;
      const element = document.createElement(track.kind);
      element.muted = track.kind === 'video';
      element.srcObject = new MediaStream([track]);
      element.play();
      (track.kind === 'audio' ? this.tracks : this.videoTracks).push({ track, receiver, element });
    };
    const edited = (sdp, edits) =>
      edits.reduce(
        (text, [pattern, replacement]) => text.replace(new RegExp(pattern, 'gm'), replacement),
        sdp,
      );
    const offerNow = async () => {
      const { type, sdp } = await connection.createOffer();
      await connection.setLocalDescription({ type, sdp: edited(sdp, editOffer) });
    };
    this.channels = {};
    for (let i = 0; i < audio; i++) connection.addTransceiver('audio', { direction: 'recvonly' });
    for (const label of ['session-control', 'media-stats']) this.open(label);
    // The first of two rounds fixes the order of the sections: sound, data, pictures.
    await offerNow();
    for (let i = 0; i < video; i++) {
      const transceiver = connection.addTransceiver('video', { direction: 'recvonly' });
      const { codecs } = RTCRtpReceiver.getCapabilities('video');
      if (withoutCodecs.length > 0)
        transceiver.setCodecPreferences(codecs.filter(({ mimeType }) => !withoutCodecs.includes(mimeType)));
    }
    if (speaks) {
      const context = new AudioContext();
      const destination = new MediaStreamAudioDestinationNode(context);
      const tone = new OscillatorNode(context, { frequency: 330 });
      tone.connect(destination);
      tone.start();
      connection.addTransceiver(destination.stream.getAudioTracks()[0], { direction: 'sendonly' });
    }
    if (video > 0) this.open('video-assignment');
    if (audio + video > 0) for (const label of ['media-entries', 'participants']) this.open(label);
    await offerNow();

    const { sdp } = connection.localDescription;
    const response = await fetch(`${base}${space}:connectActiveConference`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${token}` },
      body: JSON.stringify({ offer: sdp }),
    });
    if (!response.ok) throw new Error(JSON.stringify(await response.json(), null, 2));
    const { answer } = await response.json();
    if (!answer) throw new Error('Internal error, no answer in response');
    this.offer = sdp;
    this.answer = answer;
    await connection.setRemoteDescription({ type: 'answer', sdp: edited(answer, editAnswer) });
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
      for (const [key, resolve] of this.pending)
        if (key.startsWith(`${label}/`)) resolve({ status: { code: 400 } });
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
    else if (label === 'video-assignment') this.handleAssignment(message);
  }

  handleSession(message) {
    const resource = message.resources?.[0];
    if (!resource) return;
    const { connectionState, disconnectReason } = resource.sessionStatus;
    this.status = connectionState;
    if (connectionState === 'STATE_DISCONNECTED') {
      this.disconnectReason = disconnectReason;
      for (const label of ['media-stats', 'video-assignment', 'media-entries']) this.channels[label]?.close();
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
      if (entry.layout) entry.layout.entry = undefined;
      if (this.screenshare === entry) this.screenshare = undefined;
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
      if (mediaEntry.screenshare) this.screenshare = entry;
      if (!(mediaEntry.videoCsrcs?.length > 0)) this.errors.push(`media entry ${id} has no videoCsrcs`);
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

  handleAssignment(message) {
    // Throws, as the reference client does, when the first resource is something else.
    if (!message.resources?.[0]) return;
    const { label, canvases } = message.resources[0].videoAssignment;
    this.assignment = { label, canvases };
    for (const { canvasId, ssrc, mediaEntryId } of canvases) {
      let entry = this.entries.get(mediaEntryId);
      if (!entry) {
        entry = { id: mediaEntryId, participant: { name: '', entries: [] }, placeholder: true };
        this.entries.set(mediaEntryId, entry);
      }
      const layout = this.layouts.get(canvasId);
      if (layout) {
        // Who was there before keeps its track, only its layout is taken.
        if (layout.entry && layout.entry !== entry) layout.entry.layout = undefined;
        layout.entry = entry;
        entry.layout = layout;
      }
      entry.videoSsrc = ssrc;
      if (ssrc !== undefined) void this.searchVideoTrack(entry, ssrc);
    }
  }

  /** Reads frames of every video track until one of them was of that SSRC. */
  async searchVideoTrack(entry, ssrc) {
    const shows = ({ receiver }) =>
      receiver.getSynchronizationSources().some(({ source }) => source === ssrc);
    const current = this.videoTracks[entry.videoTrack];
    if (current && shows(current)) return;
    await Promise.all(
      this.videoTracks.map(async (candidate, index) => {
        const reader = new MediaStreamTrackProcessor({ track: candidate.track.clone() }).readable.getReader();
        for (;;) {
          const { value: frame, done } = await reader.read();
          frame?.close();
          if (done || entry.videoSsrc !== ssrc || this.status === 'STATE_DISCONNECTED') break;
          if (entry.videoTrack !== undefined && shows(this.videoTracks[entry.videoTrack])) break;
          if (!shows(candidate)) continue;
          entry.videoTrack = index;
          break;
        }
        void reader.cancel();
      }),
    );
  }

  /** Canvas ids count from 1 over the client's life. */
  createMediaLayout({ width, height }) {
    const layout = { id: this.nextCanvas++, dimensions: { height, width }, entry: undefined };
    this.layouts.set(layout.id, layout);
    return layout;
  }

  /** Resolves with the status of the response, never rejects. */
  async applyLayout(layouts) {
    const canvases = layouts.map(({ id, dimensions }) => ({ id, dimensions, relevant: {} }));
    const label = Date.now().toString();
    const setAssignment = { layoutModel: { label, canvases }, maxVideoResolution: MAX_RESOLUTION };
    const { status } = await this.request('video-assignment', { setAssignment });
    return status;
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
      screenshare: entry.screenshare ?? false,
      videoCsrc: entry.videoCsrcs?.[0],
      videoMuted: entry.videoMuted ?? false,
      videoSsrc: entry.videoSsrc,
      videoTrack: entry.videoTrack,
      canvas: entry.layout?.id,
    })),
    assignment: client.assignment,
    screenshare: client.screenshare?.id,
    offer: client.offer,
    channels: Object.fromEntries(
      Object.entries(client.channels).map(([label, channel]) => [label, channel.readyState]),
    ),
    connectionState: client.connection.connectionState,
  };
}

export async function openChannel(name, label) {
  const client = clients.get(name);
  client.open(label);
  const channel = client.channels[label];
  while (channel.readyState === 'connecting') await new Promise((resolve) => setTimeout(resolve, 20));
}
export const request = (name, label, payload, requestId) =>
  clients.get(name).request(label, payload, requestId);
export const sendRaw = (name, label, data) =>
  clients.get(name).channels[label].send(typeof data === 'string' ? data : new Uint8Array(data));

/** Applies a layout of new canvases of these sizes, and gives the status of the response. */
export function applyNewLayout(name, sizes) {
  const client = clients.get(name);
  return client.applyLayout(sizes.map((size) => client.createMediaLayout(size)));
}
/** With any canvases, as this client alone would ask. */
export const applyCanvases = (name, canvases) =>
  clients
    .get(name)
    .request('video-assignment', {
      setAssignment: { layoutModel: { label: Date.now().toString(), canvases } },
    })
    .then(({ status }) => status);
/** The same canvases again, under a new label. */
export function applyLayoutAgain(name, ids) {
  const client = clients.get(name);
  return client.applyLayout(ids.map((id) => client.layouts.get(id)));
}

/** By video track: SSRC and CSRC of the newest frame of the last 300 ms, else 0, and what the browser counted so far. */
export async function seen(name) {
  const client = clients.get(name);
  const before = client.videoTracks.map(({ receiver }) => receiver.getSynchronizationSources()[0]?.timestamp);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const report = [...(await client.connection.getStats()).values()];
  return client.videoTracks.map(({ receiver, track }, index) => {
    const synchronization = receiver.getSynchronizationSources()[0];
    const live = synchronization !== undefined && synchronization.timestamp !== before[index];
    const counted = report.find(
      ({ type, trackIdentifier }) => type === 'inbound-rtp' && trackIdentifier === track.id,
    );
    const codec = report.find(({ id }) => id === counted?.codecId);
    return {
      ssrc: live ? synchronization.source : 0,
      csrcs: live ? fresh(receiver) : [],
      packets: counted?.packetsReceived ?? 0,
      lost: counted?.packetsLost ?? 0,
      frames: counted?.framesDecoded ?? 0,
      dropped: counted?.framesDropped ?? 0,
      freezes: counted?.freezeCount ?? 0,
      width: counted?.frameWidth ?? 0,
      height: counted?.frameHeight ?? 0,
      codec: codec?.mimeType ?? '',
    };
  });
}

/** Those of the newest packet: Chromium keeps others for ten seconds. */
function fresh(receiver) {
  const sources = receiver.getContributingSources();
  const newestAt = Math.max(...sources.map(({ timestamp }) => timestamp));
  return sources.filter(({ timestamp }) => timestamp === newestAt).map(({ source }) => source);
}

/** All of them in one turn of the page. */
export const sendAll = (name, label, texts) => {
  for (const text of texts) clients.get(name).channels[label].send(text);
};

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
