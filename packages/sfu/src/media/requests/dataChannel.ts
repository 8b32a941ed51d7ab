/** What each request of data channels that peers open in-band does. Elsewhere: all of them together → index.ts · shapes → channel/messages.ts */
import type { Handlers } from './handler.js';

export const DATA_CHANNEL_REQUESTS: Handlers<'dataChannel.close' | 'dataChannel.getBufferedAmount'> = {
  'dataChannel.close': ({ directory }, { transportId, channelId }) => {
    directory.transports.find(transportId)?.data.closeChannel(channelId);
    return undefined;
  },
  'dataChannel.getBufferedAmount': ({ directory }, { transportId, channelId }) => ({
    bufferedAmount: directory.transports.get(transportId).data.bufferedAmount(channelId),
  }),
};
