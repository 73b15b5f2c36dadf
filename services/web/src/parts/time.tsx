const day = new Intl.DateTimeFormat('en-US', { dateStyle: 'long' });
const moment = new Intl.DateTimeFormat('en-US', { dateStyle: 'medium', timeStyle: 'short' });

/** A time of the API's, in the reader's time zone. */
export function Time({ at, exact = false }: { at: string; exact?: boolean }) {
  const time = new Date(at);
  const text = Number.isNaN(time.getTime()) ? at : (exact ? moment : day).format(time);
  return (
    <time class="date" dateTime={at}>
      {text}
    </time>
  );
}
