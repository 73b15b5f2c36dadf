/** 128 random bits as text. `crypto.randomUUID` would need HTTPS or localhost. */
function random(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * The idempotency key of what a form holds: the same as long as that does not change, so that sending it again after a lost answer does
 * nothing twice. `done` makes the next one new, even for the same text.
 */
export class FormKey {
  private kept: { content: string; key: string } | null = null;

  of(content: unknown): string {
    const text = JSON.stringify(content);
    if (this.kept?.content !== text) this.kept = { content: text, key: random() };
    return this.kept.key;
  }

  done(): void {
    this.kept = null;
  }
}
