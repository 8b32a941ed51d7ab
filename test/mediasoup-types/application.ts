/** An application that was written for mediasoup, in mediasoup's types. It takes our module in mediasoup's place. */
import * as sfu from '@tertulia/sfu';
import type { types as mediasoup } from 'mediasoup';

class Room {
  readonly transports = new Map<string, mediasoup.WebRtcTransport<{ peerId: string }>>();

  constructor(
    readonly worker: mediasoup.Worker,
    readonly server: mediasoup.WebRtcServer,
    readonly router: mediasoup.Router,
    readonly levels: mediasoup.AudioLevelObserver,
  ) {
    worker.on('died', (error) => console.error(error.message));
    levels.on('volumes', ([loudest]) => console.log(loudest?.producer.id, loudest?.volume.toFixed()));
    router.observer.on('newtransport', (transport) => console.log(transport.id));
  }

  async join(peerId: string, dtlsParameters: mediasoup.DtlsParameters): Promise<mediasoup.IceParameters> {
    const transport = await this.router.createWebRtcTransport({
      webRtcServer: this.server,
      enableUdp: true,
      appData: { peerId },
    });
    this.transports.set(transport.appData.peerId, transport);
    transport.on('dtlsstatechange', (dtlsState) => {
      if (dtlsState === 'failed') transport.close();
    });
    await transport.connect({ dtlsParameters });
    return transport.iceParameters;
  }

  async publish(peerId: string, options: mediasoup.ProducerOptions): Promise<string> {
    const producer = await this.transports.get(peerId)!.produce(options);
    await this.levels.addProducer({ producerId: producer.id });
    producer.on('score', (score: mediasoup.ProducerScore[]) => console.log(score[0]?.score));
    return producer.id;
  }

  async watch(
    peerId: string,
    producerId: string,
    rtpCapabilities: mediasoup.RtpCapabilities,
  ): Promise<unknown> {
    if (!this.router.canConsume({ producerId, rtpCapabilities })) return undefined;
    const consumer = await this.transports
      .get(peerId)!
      .consume({ producerId, rtpCapabilities, paused: true });
    consumer.on('layerschange', (layers) => console.log(layers?.spatialLayer));
    consumer.observer.once('close', () => console.log('closed'));
    await consumer.setPreferredLayers({ spatialLayer: 2, temporalLayer: 1 });
    await consumer.resume();
    const [stat] = await consumer.getStats();
    return stat?.bitrate;
  }
}

async function application(library: mediasoup.Index): Promise<Room> {
  const worker = await library.createWorker({ logLevel: 'warn', logTags: ['ice', 'dtls'] });
  const server = await worker.createWebRtcServer({ listenInfos: [{ protocol: 'udp', ip: '127.0.0.1' }] });
  const mediaCodecs: mediasoup.RouterRtpCodecCapability[] =
    library.getSupportedRtpCapabilities().codecs ?? [];
  const router = await worker.createRouter({ mediaCodecs });
  const other = await worker.createRouter({ mediaCodecs });
  const { pipeProducer } = await router.pipeToRouter({ producerId: 'x', router: other });
  console.log(pipeProducer?.id);
  return new Room(worker, server, router, await router.createAudioLevelObserver({ interval: 800 }));
}

export const running: Promise<Room> = application(sfu);
