/** Runs in the page: one person with the SDK, whose first canvas fills a video element. Leaves `tab` in the window. */
import { join } from '/client/index.js';

const connections = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...args) {
    super(...args);
    connections.push(this);
  }
};

window.enterVideo = async (room, displayName, camera) => {
  const call = await join({
    url: new URLSearchParams(location.search).get('server'),
    room,
    displayName,
    audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
    video: camera,
  });
  const video = document.createElement('video');
  video.muted = true;
  video.autoplay = true;
  document.body.append(video);
  call.on('assignments', (assignments) => {
    const stream = assignments.find(({ canvasId }) => canvasId === 1)?.stream ?? null;
    if (video.srcObject !== stream) video.srcObject = stream;
  });
  /** The receiver that plays the other's voice. */
  const voice = () => {
    const track = call.audioSlots.find(({ csrc }) => csrc !== undefined)?.track;
    return connections
      .at(-1)
      .getReceivers()
      .find((receiver) => receiver.track === track);
  };
  window.tab = { call, video, voice };
};
