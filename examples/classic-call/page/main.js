/** The page around the room: a tile for each video, sound in the background, a chat. */
import { Room } from './room.js';

const $ = (id) => document.getElementById(id);
const status = $('status');
const names = new Map();
const room = new Room(`ws://${location.host}`);
// For whoever wants to play with it in the console.
window.room = room;

function show(consumer) {
  const { track, kind, appData, id } = consumer;
  const media = document.createElement(kind === 'video' ? 'video' : 'audio');
  media.srcObject = new MediaStream([track]);
  media.autoplay = media.playsInline = true;
  media.dataset.consumer = id;
  if (kind === 'audio') return document.body.append(media);
  const tile = document.createElement('figure');
  const caption = document.createElement('figcaption');
  const label = document.createElement('span');
  const layers = document.createElement('span');
  layers.dataset.layersOf = id;
  label.textContent = `${names.get(appData.personId) ?? 'somebody'}${appData.source === 'screen' ? ' (screen)' : ''}`;
  caption.append(label, layers);
  if (appData.type !== 'simple') caption.append(layerChoice(id));
  tile.append(media, caption);
  $('tiles').append(tile);
}

function layerChoice(consumerId) {
  const select = document.createElement('select');
  select.setAttribute('aria-label', 'Quality');
  ['low', 'middle', 'high'].forEach((text, layer) =>
    select.add(new Option(text, layer, layer === 2, layer === 2)),
  );
  select.onchange = () =>
    room.request('setPreferredLayers', { consumerId, spatialLayer: Number(select.value), temporalLayer: 2 });
  return select;
}

function say(who, text) {
  const item = document.createElement('li');
  item.textContent = `${who}: ${text}`;
  $('messages').append(item);
}

room.addEventListener('consumer', ({ detail }) => show(detail.consumer));
room.addEventListener('consumerClosed', ({ detail }) => {
  const media = document.querySelector(`[data-consumer="${detail.consumerId}"]`);
  (media?.closest('figure') ?? media)?.remove();
});
room.addEventListener('consumerLayers', ({ detail: { consumerId, layers } }) => {
  const text = document.querySelector(`[data-layers-of="${consumerId}"]`);
  if (text)
    text.textContent = layers ? `layer ${layers.spatialLayer}/${layers.temporalLayer ?? 0}` : 'no layer';
});
room.addEventListener('personJoined', ({ detail }) => {
  names.set(detail.personId, detail.name);
  status.textContent = `${detail.name} is here.`;
});
room.addEventListener('personLeft', ({ detail }) => {
  status.textContent = `${names.get(detail.personId) ?? 'Somebody'} has left.`;
});
room.addEventListener('message', ({ detail }) =>
  say(names.get(detail.personId) ?? 'somebody', detail.message),
);
room.addEventListener('closed', () => {
  status.textContent = 'The server is gone. Load the page again.';
});

$('join').onsubmit = async (event) => {
  event.preventDefault();
  try {
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: true,
      video: { width: 1280, height: 720, frameRate: 30 },
    });
    const { people } = await room.join(new FormData(event.target).get('name'));
    for (const { personId, name } of people) names.set(personId, name);
    const microphone = await room.produce(stream.getAudioTracks()[0], 'microphone');
    await room.produce(stream.getVideoTracks()[0], 'camera');
    const chat = await room.produceData();
    $('join').hidden = true;
    $('controls').hidden = $('chat').hidden = false;
    status.textContent =
      people.length === 0 ? 'You are the first one here.' : `${people.length} others are here.`;
    $('mute').onclick = async () => {
      const muted = $('mute').getAttribute('aria-pressed') !== 'true';
      $('mute').setAttribute('aria-pressed', String(muted));
      microphone[muted ? 'pause' : 'resume']();
      await room.request(muted ? 'pauseProducer' : 'resumeProducer', { producerId: microphone.id });
    };
    $('chat').onsubmit = (chatEvent) => {
      chatEvent.preventDefault();
      const { text } = chatEvent.target.elements;
      if (text.value === '') return;
      chat.send(text.value);
      say('you', text.value);
      text.value = '';
    };
  } catch (error) {
    status.textContent = `That did not work: ${error.message}`;
  }
};

$('screen').onclick = async () => {
  try {
    const [track] = (await navigator.mediaDevices.getDisplayMedia({ video: true })).getVideoTracks();
    const producer = await room.produce(track, 'screen');
    track.onended = async () => {
      producer.close();
      await room.request('closeProducer', { producerId: producer.id });
    };
  } catch (error) {
    status.textContent = `The screen is not shared: ${error.message}`;
  }
};
