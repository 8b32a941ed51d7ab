/** How wide an element is, in CSS pixels; 0 until it is laid out. */
import { useLayoutEffect, useRef, useState, type RefObject } from 'react';

export function useWidth<E extends Element>(): [RefObject<E | null>, number] {
  const element = useRef<E>(null);
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const { current } = element;
    if (!current) return;
    const observer = new ResizeObserver(() => setWidth(Math.round(current.getBoundingClientRect().width)));
    observer.observe(current);
    return () => observer.disconnect();
  }, []);
  return [element, width];
}
