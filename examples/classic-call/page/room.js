/** The call as mediasoup-client sees it: signalling, a device, two transports, producers and consumers. No DOM. */
import { Device } from 'mediasoup-client';

const SIMULCAST = [
  { rid: 'q', scaleResolutionDownBy: 4, maxBitrate: 150_000, scalabilityMode: 'L1T3' },
  { rid: 'h', scaleResolutionDownBy: 2, maxBitrate: 400_000, scalabilityMode: 'L1T3' },
  { rid: 'f', scaleResolutionDownBy: 1, maxBitrate: 1_200_000, scalabilityMode: 'L1T3' },
];

export class Room extends EventTarget {
  consumers = new Map();
  dataConsumers = new Map();
  #answers = new Map();
  #nextId = 1;

  constructor(url) {
    super();
    this.socket = new WebSocket(url);
    this.socket.onmessage = ({ data }) => this.#handle(JSON.parse(data));
    this.socket.onclose = () => this.#tell('closed', {});
  }

  request(method, data) {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#answers.set(id, { resolve, reject });
      this.socket.send(JSON.stringify({ id, method, data }));
    });
  }

  async join(name) {
    if (this.socket.readyState !== WebSocket.OPEN)
      await new Promise((resolve) => this.socket.addEventListener('open', resolve, { once: true }));
    const { rtpCapabilities } = await this.request('capabilities');
    this.device = await Device.factory();
    await this.device.load({ routerRtpCapabilities: rtpCapabilities });
    this.sending = await this.#createTransport('send');
    this.receiving = await this.#createTransport('receive');
    return this.request('join', { name, rtpCapabilities: this.device.recvRtpCapabilities });
  }

  /** @param {'microphone' | 'camera' | 'screen'} source */
  produce(
    track,
    source,
    { codec, encodings = source === 'camera' ? SIMULCAST : undefined, codecOptions } = {},
  ) {
    const chosen = codec && this.device.sendRtpCapabilities.codecs.find(({ mimeType }) => mimeType === codec);
    return this.sending.produce({
      track,
      ...(encodings ? { encodings } : {}),
      ...(chosen ? { codec: chosen } : {}),
      codecOptions: { videoGoogleStartBitrate: 1000, ...codecOptions },
      appData: { source },
    });
  }

  /** For messages to all others. Ordered and reliable, unless the options say otherwise. */
  produceData(options) {
    return this.sending.produceData({ label: 'chat', ...options });
  }

  async #createTransport(direction) {
    const data = await this.request('createTransport', { direction });
    const create = direction === 'send' ? 'createSendTransport' : 'createRecvTransport';
    const transport = this.device[create](data);
    const answered = (promise, callback, errback) => promise.then(callback, errback);
    transport.on('connect', ({ dtlsParameters }, callback, errback) =>
      answered(
        this.request('connectTransport', { transportId: transport.id, dtlsParameters }),
        callback,
        errback,
      ),
    );
    transport.on('produce', ({ kind, rtpParameters, appData }, callback, errback) =>
      answered(
        this.request('produce', {
          transportId: transport.id,
          kind,
          rtpParameters,
          source: appData.source,
        }).then(({ producerId }) => ({ id: producerId })),
        callback,
        errback,
      ),
    );
    transport.on('producedata', ({ sctpStreamParameters, label, protocol }, callback, errback) =>
      answered(
        this.request('produceData', {
          transportId: transport.id,
          sctpStreamParameters,
          label,
          protocol,
        }).then(({ dataProducerId }) => ({ id: dataProducerId })),
        callback,
        errback,
      ),
    );
    return transport;
  }

  #handle(message) {
    if (message.event === undefined) {
      const answer = this.#answers.get(message.id);
      this.#answers.delete(message.id);
      if (message.ok) answer?.resolve(message.data);
      else answer?.reject(new Error(message.error));
      return;
    }
    const { event, data } = message;
    if (event === 'newConsumer') void this.#consume(data);
    else if (event === 'newDataConsumer') void this.#consumeData(data);
    else {
      if (event === 'consumerClosed') {
        this.consumers.get(data.consumerId)?.close();
        this.consumers.delete(data.consumerId);
      }
      this.#tell(event, data);
    }
  }

  async #consume({ personId, consumerId, producerId, kind, rtpParameters, type, source }) {
    const consumer = await this.receiving.consume({
      id: consumerId,
      producerId,
      kind,
      rtpParameters,
      streamId: `${personId}-${source === 'screen' ? 'screen' : 'person'}`,
      appData: { personId, source, type },
    });
    this.consumers.set(consumerId, consumer);
    this.#tell('consumer', { consumer });
    await this.request('resumeConsumer', { consumerId });
  }

  async #consumeData({ personId, dataConsumerId, dataProducerId, sctpStreamParameters, label, protocol }) {
    const dataConsumer = await this.receiving.consumeData({
      id: dataConsumerId,
      dataProducerId,
      sctpStreamParameters,
      label,
      protocol,
    });
    this.dataConsumers.set(dataConsumerId, dataConsumer);
    dataConsumer.on('message', (message) => this.#tell('message', { personId, message }));
  }

  #tell(event, detail) {
    this.dispatchEvent(new CustomEvent(event, { detail }));
  }
}
