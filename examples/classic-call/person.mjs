/**
 * One person of the call: what the page asks for (`request`), what it is told (`notify`), and the entities that belong to
 * it. The names of the requests are those of this example; everything else is mediasoup's.
 */
import { randomUUID } from 'node:crypto';

/** Bits per second that one person may send. */
const MAX_INCOMING_BITRATE = 4_000_000;
/** What a receiver is assumed to get until it has been measured. */
const INITIAL_OUTGOING_BITRATE = 800_000;

const repeats = ({ rtpParameters }) =>
  rtpParameters.codecs[0].rtcpFeedback.some(({ type, parameter }) => type === 'nack' && !parameter);

export class Person {
  id = randomUUID();
  name = 'somebody';
  rtpCapabilities;
  transports = new Map();
  producers = new Map();
  consumers = new Map();
  dataProducers = new Map();

  constructor(socket, { router, webRtcServer, people }) {
    this.socket = socket;
    this.router = router;
    this.webRtcServer = webRtcServer;
    this.people = people;
    socket.on('message', (text) => this.#handle(JSON.parse(text)).catch((error) => console.error(error)));
    socket.on('error', () => this.close());
  }

  notify(event, data) {
    this.socket.send(JSON.stringify({ event, data }));
  }

  close() {
    if (!this.people.delete(this)) return;
    // Closes what is on them: producers, and with these everybody's consumers of them.
    for (const transport of this.transports.values()) transport.close();
    for (const other of this.people) other.notify('personLeft', { personId: this.id });
  }

  async #handle({ id, method, data }) {
    try {
      if (!Object.hasOwn(REQUESTS, method)) throw new TypeError(`no request '${method}'`);
      const answer = await REQUESTS[method](this, data ?? {});
      this.socket.send(JSON.stringify({ id, ok: true, data: answer ?? {} }));
    } catch (error) {
      this.socket.send(JSON.stringify({ id, ok: false, error: error.message }));
    }
  }

  get receiving() {
    return [...this.transports.values()].find(({ appData }) => appData.direction === 'receive');
  }

  /** Everything that `other` sends is consumed here, paused until the page is ready for it. */
  async consume(other, producer) {
    const { receiving: transport, rtpCapabilities } = this;
    if (!transport || !this.router.canConsume({ producerId: producer.id, rtpCapabilities })) return;
    const consumer = await transport.consume({
      producerId: producer.id,
      rtpCapabilities,
      paused: true,
      // Sound is sent again on request where its sender does so, too (mediasoup-client's `codecOptions.opusNack`).
      enableRtx: repeats(producer),
    });
    this.consumers.set(consumer.id, consumer);
    const gone = () => {
      this.consumers.delete(consumer.id);
      this.notify('consumerClosed', { consumerId: consumer.id });
    };
    consumer.on('transportclose', () => this.consumers.delete(consumer.id));
    consumer.on('producerclose', gone);
    consumer.on('producerpause', () => this.notify('consumerPaused', { consumerId: consumer.id }));
    consumer.on('producerresume', () => this.notify('consumerResumed', { consumerId: consumer.id }));
    consumer.on('layerschange', (layers) =>
      this.notify('consumerLayers', { consumerId: consumer.id, layers: layers ?? null }),
    );
    this.notify('newConsumer', {
      personId: other.id,
      consumerId: consumer.id,
      producerId: producer.id,
      kind: consumer.kind,
      rtpParameters: consumer.rtpParameters,
      type: consumer.type,
      source: producer.appData.source,
    });
  }

  async consumeData(other, dataProducer) {
    const { receiving: transport } = this;
    if (!transport) return;
    const dataConsumer = await transport.consumeData({ dataProducerId: dataProducer.id });
    dataConsumer.on('dataproducerclose', () =>
      this.notify('dataConsumerClosed', { dataConsumerId: dataConsumer.id }),
    );
    this.notify('newDataConsumer', {
      personId: other.id,
      dataConsumerId: dataConsumer.id,
      dataProducerId: dataProducer.id,
      sctpStreamParameters: dataConsumer.sctpStreamParameters,
      label: dataConsumer.label,
      protocol: dataConsumer.protocol,
    });
  }

  find(entities, id) {
    const found = this[entities].get(id);
    if (!found) throw new TypeError(`no such entry in ${entities}`);
    return found;
  }
}

const REQUESTS = {
  capabilities: ({ router }) => ({ rtpCapabilities: router.rtpCapabilities }),

  async createTransport(person, { direction }) {
    const transport = await person.router.createWebRtcTransport({
      webRtcServer: person.webRtcServer,
      enableUdp: true,
      enableTcp: true,
      preferUdp: true,
      enableSctp: true,
      initialAvailableOutgoingBitrate: INITIAL_OUTGOING_BITRATE,
      appData: { direction },
    });
    person.transports.set(transport.id, transport);
    if (direction === 'send') await transport.setMaxIncomingBitrate(MAX_INCOMING_BITRATE);
    const { id, iceParameters, iceCandidates, dtlsParameters, sctpParameters } = transport;
    return { id, iceParameters, iceCandidates, dtlsParameters, sctpParameters };
  },
  connectTransport: (person, { transportId, dtlsParameters }) =>
    person.find('transports', transportId).connect({ dtlsParameters }),
  restartIce: async (person, { transportId }) => ({
    iceParameters: await person.find('transports', transportId).restartIce(),
  }),

  /** After the receiving transport is there: everybody hears of everybody. */
  async join(person, { name, rtpCapabilities }) {
    Object.assign(person, { name, rtpCapabilities });
    const others = [...person.people];
    person.people.add(person);
    for (const other of others) {
      other.notify('personJoined', { personId: person.id, name });
      for (const producer of other.producers.values()) await person.consume(other, producer);
      for (const dataProducer of other.dataProducers.values()) await person.consumeData(other, dataProducer);
    }
    return { personId: person.id, people: others.map(({ id, name }) => ({ personId: id, name })) };
  },

  async produce(person, { transportId, kind, rtpParameters, source }) {
    const transport = person.find('transports', transportId);
    const producer = await transport.produce({ kind, rtpParameters, appData: { source } });
    person.producers.set(producer.id, producer);
    producer.on('transportclose', () => person.producers.delete(producer.id));
    for (const other of person.people) if (other !== person) await other.consume(person, producer);
    return { producerId: producer.id };
  },
  closeProducer(person, { producerId }) {
    person.find('producers', producerId).close();
    person.producers.delete(producerId);
  },
  pauseProducer: (person, { producerId }) => person.find('producers', producerId).pause(),
  resumeProducer: (person, { producerId }) => person.find('producers', producerId).resume(),

  async produceData(person, { transportId, sctpStreamParameters, label, protocol }) {
    const transport = person.find('transports', transportId);
    const dataProducer = await transport.produceData({ sctpStreamParameters, label, protocol });
    person.dataProducers.set(dataProducer.id, dataProducer);
    for (const other of person.people) if (other !== person) await other.consumeData(person, dataProducer);
    return { dataProducerId: dataProducer.id };
  },

  resumeConsumer: (person, { consumerId }) => person.find('consumers', consumerId).resume(),
  pauseConsumer: (person, { consumerId }) => person.find('consumers', consumerId).pause(),
  setPreferredLayers: (person, { consumerId, spatialLayer, temporalLayer }) =>
    person.find('consumers', consumerId).setPreferredLayers({ spatialLayer, temporalLayer }),
  stats: async (person, { consumerId }) => ({ stats: await person.find('consumers', consumerId).getStats() }),
};
