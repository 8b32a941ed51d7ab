/**
 * A moving picture on a tile. It is shown from its first frame on and fades when it is taken away or stands still, so
 * that neither black nor an old face is ever seen; what lies beneath is the tile's own affair.
 */
import { useEffect, useRef, useState } from 'react';

/** A camera that gives nothing for so long is not there. A screen may well stand still. */
const STALL_MS = 3_000;
const CHECK_MS = 500;
/** As long as the fade in the styles. */
const FADE_MS = 200;
/** Cover cuts; when less than this of the picture would remain, it is shown whole instead. */
const LEAST_SHARE = 0.36;

interface Props {
  stream: MediaStream | undefined;
  kind: 'camera' | 'screen';
  mirrored?: boolean;
  /** Of the tile. */
  widthPx: number;
  heightPx: number;
  onShown?: (shown: boolean) => void;
  /** Width / height of what comes. */
  onAspect?: (aspect: number) => void;
}

export function Picture({ stream, kind, mirrored = false, widthPx, heightPx, onShown, onAspect }: Props) {
  const node = useRef<HTMLVideoElement>(null);
  const [shown, setShown] = useState(false);
  const [aspect, setAspect] = useState<number>();
  const told = useRef({ onShown, onAspect });
  told.current = { onShown, onAspect };

  useEffect(() => {
    told.current.onShown?.(shown);
  }, [shown]);

  useEffect(() => {
    const video = node.current;
    if (!video) return;
    if (!stream) {
      setShown(false);
      video.pause();
      const timer = setTimeout(() => (video.srcObject = null), FADE_MS);
      return () => clearTimeout(timer);
    }
    setShown(false);
    video.srcObject = stream;
    // Muted video without sound may always play; an element that is taken away meanwhile refuses, which is fine.
    void video.play().catch(() => {});

    let frames = -1;
    let movedAtMs = performance.now();
    const look = (): void => {
      const nowMs = performance.now();
      const count = video.getVideoPlaybackQuality().totalVideoFrames;
      if (count !== frames || document.hidden) {
        frames = count;
        movedAtMs = nowMs;
      }
      // Firefox counts no frames of streams: there a picture that stands still cannot be told from one that moves.
      const counts = count > 0;
      const there = video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA && video.videoWidth > 0;
      setShown(there && (kind === 'screen' || !counts || nowMs - movedAtMs < STALL_MS));
    };
    const resized = (): void => {
      if (video.videoWidth === 0 || video.videoHeight === 0) return;
      const next = video.videoWidth / video.videoHeight;
      setAspect(next);
      told.current.onAspect?.(next);
    };
    const timer = setInterval(look, CHECK_MS);
    video.addEventListener('loadeddata', look);
    video.addEventListener('resize', resized);
    video.addEventListener('loadedmetadata', resized);
    return () => {
      clearInterval(timer);
      video.removeEventListener('loadeddata', look);
      video.removeEventListener('resize', resized);
      video.removeEventListener('loadedmetadata', resized);
    };
  }, [stream, kind]);

  const ratio = widthPx / Math.max(1, heightPx);
  const kept = aspect === undefined ? 1 : Math.min(aspect / ratio, ratio / aspect);
  return (
    <video
      ref={node}
      className="picture"
      data-shown={shown}
      data-mirrored={mirrored}
      data-fit={kind === 'screen' || kept < LEAST_SHARE ? 'contain' : 'cover'}
      data-testid="picture"
      autoPlay
      muted
      playsInline
      disablePictureInPicture
      tabIndex={-1}
      aria-hidden="true"
    />
  );
}
