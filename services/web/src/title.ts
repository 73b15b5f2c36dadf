/** What the browser's tab says. */
export function title(name: string): void {
  document.title = name === '' ? 'Conduit' : `${name} · Conduit`;
}
