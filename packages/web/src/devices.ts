/** Which microphones and cameras there are, as far as the browser tells, kept up to date. */
import { useEffect, useState } from 'react';

/** Empty where nothing was allowed yet: browsers then list devices without a name or an id. */
export async function listDevices(kind: MediaDeviceKind): Promise<readonly MediaDeviceInfo[]> {
  const all = (await navigator.mediaDevices?.enumerateDevices?.().catch(() => [])) ?? [];
  return all.filter((device) => device.kind === kind && device.deviceId !== '');
}

export function useDevices(kind: MediaDeviceKind, again?: unknown): readonly MediaDeviceInfo[] {
  const [devices, setDevices] = useState<readonly MediaDeviceInfo[]>([]);
  useEffect(() => {
    let live = true;
    const list = (): void =>
      void listDevices(kind).then((all) => {
        if (live) setDevices(all);
      });
    list();
    navigator.mediaDevices?.addEventListener?.('devicechange', list);
    return () => {
      live = false;
      navigator.mediaDevices?.removeEventListener?.('devicechange', list);
    };
  }, [kind, again]);
  return devices;
}
