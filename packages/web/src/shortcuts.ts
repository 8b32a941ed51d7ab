/** Keys for what is done often in a call. One table for what they do and for the help that lists them. */
import { useEffect, useRef } from 'react';

export const SHORTCUTS = [
  { key: 'm', name: 'M', does: 'Mute or unmute', action: 'mute' },
  { key: 'v', name: 'V', does: 'Camera on or off', action: 'camera' },
  { key: 's', name: 'S', does: 'Share your screen, or stop', action: 'screen' },
  { key: 'g', name: 'G', does: 'Grid, or one person large', action: 'view' },
  { key: 'f', name: 'F', does: 'Full screen, and back', action: 'full' },
  { key: 'c', name: 'C', does: 'Open or close the chat', action: 'chat' },
  { key: 'p', name: 'P', does: 'Everybody by name', action: 'people' },
  { key: '?', name: '?', does: 'This list', action: 'help' },
] as const;

export type ShortcutAction = (typeof SHORTCUTS)[number]['action'];

const typing = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && target.closest('input, textarea, select, [contenteditable]') !== null;

export function useShortcuts(actions: Record<ShortcutAction, () => void>): void {
  const now = useRef(actions);
  now.current = actions;
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
      const pressed = event.key.toLowerCase();
      const shortcut = SHORTCUTS.find(({ key }) => key === pressed);
      if (!shortcut) return;
      event.preventDefault();
      now.current[shortcut.action]();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, []);
}
