/** The keys of the call, in a dialog that the Escape key closes. */
import { useEffect, useRef } from 'react';
import { CloseIcon } from './icons.js';
import { SHORTCUTS } from './shortcuts.js';

const TILE_KEYS = [
  { name: '← ↑ → ↓', does: 'From tile to tile, once one has the focus' },
  { name: 'Enter', does: 'Pin that tile: it stays large' },
];

export function HelpDialog({ onClose }: { onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog
      ref={dialog}
      className="help"
      aria-labelledby="help-title"
      onClose={onClose}
      onClick={(event) => event.target === dialog.current && dialog.current.close()}
      data-testid="help"
    >
      <div className="help-body">
        <header>
          <h2 id="help-title">Keyboard shortcuts</h2>
          <button
            type="button"
            className="button icon-only quiet"
            onClick={() => dialog.current?.close()}
            aria-label="Close"
          >
            <CloseIcon />
          </button>
        </header>
        <dl>
          {[...SHORTCUTS, ...TILE_KEYS].map(({ name, does }) => (
            <div key={name}>
              <dt>
                <kbd>{name}</kbd>
              </dt>
              <dd>{does}</dd>
            </div>
          ))}
        </dl>
      </div>
    </dialog>
  );
}
