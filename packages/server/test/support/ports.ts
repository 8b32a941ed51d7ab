/** A port for media processes: free for UDP and for TCP, and so are the ones behind it. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

export async function freeMediaPort(count = 1): Promise<number> {
  for (;;) {
    const first = createSocket('udp4').bind(0, '127.0.0.1');
    await once(first, 'listening');
    const { port } = first.address();
    const held: (Socket | Server)[] = [first];
    let free = true;
    for (let at = 0; at < count && free; at++) {
      const tcp = createServer().listen(port + at, '127.0.0.1');
      held.push(tcp);
      free = await listens(tcp);
      if (at === 0 || !free) continue;
      const udp = createSocket('udp4').bind(port + at, '127.0.0.1');
      held.push(udp);
      free = await listens(udp);
    }
    await Promise.all(held.map(close));
    if (free) return port;
  }
}

const listens = (socket: Socket | Server): Promise<boolean> =>
  once(socket, 'listening').then(
    () => true,
    () => false,
  );

/** One that could not listen is closed already, or cannot be. */
function close(socket: Socket | Server): Promise<void> {
  return new Promise((resolve) => {
    try {
      socket.close(() => resolve());
    } catch {
      resolve();
    }
  });
}
