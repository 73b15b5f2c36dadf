import { Component, type ComponentChildren } from 'preact';

/** What went wrong, read out by screen readers when it appears. */
export function Errors({ lines }: { lines: string[] }) {
  return (
    <div role="alert">
      {lines.length > 0 && (
        <ul class="error-messages">
          {lines.map((line) => (
            <li key={line}>{line}</li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** In the place of what did not load. */
export function Failed({ what, lines, again }: { what: string; lines: string[]; again: () => void }) {
  return (
    <div class="failed-load">
      <strong>{what} could not be loaded.</strong>
      <Errors lines={lines} />
      <button type="button" class="btn btn-outline-secondary" onClick={again}>
        Try again
      </button>
    </div>
  );
}

export const Waiting = ({ what }: { what: string }) => (
  <div class="waiting" role="status">
    Loading {what}…
  </div>
);

interface BoundaryProps {
  /** Another visit is another try. */
  visit: number;
  children: ComponentChildren;
}

/** A page that cannot be drawn says so; the rest of the application stays usable. */
export class Boundary extends Component<BoundaryProps, { brokeAt: number | null }> {
  override state = { brokeAt: null };

  override componentDidCatch(error: unknown): void {
    console.error(error);
    this.setState({ brokeAt: this.props.visit });
  }

  override render() {
    if (this.state.brokeAt !== this.props.visit) return this.props.children;
    return (
      <div class="container page">
        <Errors lines={['This page could not be shown. Reload it to try again.']} />
      </div>
    );
  }
}
