/** If the page itself breaks, it says so and offers the one thing that helps, instead of going blank. */
import { Component, type ReactNode } from 'react';
import { Front } from './parts.js';

export class Safety extends Component<{ children: ReactNode }, { broken: boolean }> {
  override state = { broken: false };

  static getDerivedStateFromError(): { broken: boolean } {
    return { broken: true };
  }

  override render(): ReactNode {
    if (!this.state.broken) return this.props.children;
    return (
      <Front>
        <main className="card" role="alert">
          <h1>The page stopped working</h1>
          <p className="lead">Reload it to come back into the room.</p>
          <button className="button primary wide" onClick={() => location.reload()}>
            Reload
          </button>
        </main>
      </Front>
    );
  }
}
