/**
 * Runs in the page: people with a camera, a screen and a voice, by plain WebRTC and the channel `tertulia`, without the SDK:
 * what they send is under the test's control. They watch nobody.
 */
const SIZE = { width: 320, height: 180 };
const FRAMES_PER_SECOND = 15;
const people = new Map();
let context;

/** A picture that changes all over in each frame, so that each frame is sent. */
function picture(hue, { width, height } = SIZE) {
  const canvas = Object.assign(document.createElement('canvas'), { width, height });
  const paint = canvas.getContext('2d');
  let frame = 0;
  const timer = setInterval(() => {
    frame++;
    paint.fillStyle = `hsl(${hue} 80% ${30 + (frame % 20)}%)`;
    paint.fillRect(0, 0, width, height);
    paint.fillStyle = 'white';
    paint.fillRect((frame * 7) % width, 20, 40, 40);
  }, 1000 / FRAMES_PER_SECOND);
  const [track] = canvas.captureStream(FRAMES_PER_SECOND).getVideoTracks();
  track.addEventListener('ended', () => clearInterval(timer));
  return track;
}

async function voice(name) {
  context ??= new AudioContext({ sampleRate: 48000 });
  await context.resume();
  const bytes = await (await fetch(`/voices/${name}.ogg`)).arrayBuffer();
  const source = new AudioBufferSourceNode(context, {
    buffer: await context.decodeAudioData(bytes),
    loop: true,
  });
  const gain = new GainNode(context, { gain: 0 });
  const destination = new MediaStreamAudioDestinationNode(context);
  source.connect(gain).connect(destination);
  source.start();
  return { gain, track: destination.stream.getAudioTracks()[0] };
}

export async function enter(name, room) {
  const server = new URLSearchParams(location.search).get('server');
  const connection = new RTCPeerConnection();
  const { gain, track } = await voice(name);
  connection.addTransceiver(track, { direction: 'sendonly' });
  const [screenSound, camera, screen] = ['audio', 'video', 'video'].map((kind) =>
    connection.addTransceiver(kind, { direction: 'sendonly' }),
  );
  const channel = connection.createDataChannel('tertulia');
  const person = {
    connection,
    channel,
    gain,
    screenSound,
    camera,
    screen,
    hue: people.size * 67,
    requests: 0,
  };
  person.pending = new Map();
  channel.onmessage = ({ data }) => {
    const { response } = JSON.parse(data);
    if (response) person.pending.get(response.requestId)?.(response.status);
  };
  people.set(name, person);
  await connection.setLocalDescription();
  const response = await fetch(`${server}/v1/rooms/${room}/sessions`, {
    method: 'POST',
    body: JSON.stringify({ offer: connection.localDescription.sdp, displayName: name }),
  });
  if (!response.ok) throw new Error(await response.text());
  const { answer, participantId } = await response.json();
  await connection.setRemoteDescription({ type: 'answer', sdp: answer });
  if (channel.readyState !== 'open') await new Promise((resolve) => (channel.onopen = resolve));
  return participantId;
}

function ask(name, payload) {
  const person = people.get(name);
  const requestId = ++person.requests;
  return new Promise((resolve) => {
    person.pending.set(requestId, resolve);
    person.channel.send(JSON.stringify({ request: { requestId, ...payload } }));
  });
}

export async function film(name, on) {
  const { camera, hue } = people.get(name);
  if (on && !camera.sender.track) await camera.sender.replaceTrack(picture(hue));
  return ask(name, { setMuted: { source: 'camera', muted: !on } });
}

export async function share(name, on) {
  const { screen } = people.get(name);
  if (on) await screen.sender.replaceTrack(picture(180, { width: 640, height: 360 }));
  const status = await ask(name, { setMuted: { source: 'screen', muted: !on } });
  if (!on) {
    screen.sender.track?.stop();
    await screen.sender.replaceTrack(null);
  }
  return status;
}

/** Loudness 0 … 1 from now on. */
export function speak(levels) {
  for (const [name, level] of Object.entries(levels))
    people.get(name)?.gain.gain.setTargetAtTime(level, context.currentTime, 0.005);
}

export const rename = (name, displayName) => ask(name, { rename: { displayName } });

export async function leave(name) {
  void ask(name, { leave: {} });
  const { connection } = people.get(name);
  people.delete(name);
  await new Promise((resolve) => setTimeout(resolve, 200));
  connection.close();
}

/** Key frames that the encoder of the camera made, and how often it was asked. */
export async function encoded(name) {
  const report = [...(await people.get(name).camera.sender.getStats()).values()];
  const sent = report.find(({ type }) => type === 'outbound-rtp');
  return {
    keyFrames: sent?.keyFramesEncoded ?? 0,
    pictureLossIndications: sent?.pliCount ?? 0,
    codec: report.find(({ id }) => id === sent?.codecId)?.mimeType ?? '',
  };
}
