import type { ComponentChildren } from 'preact';
import type { Doing } from '../load.ts';
import { Errors } from './errors.tsx';

/** A form that the API checks, not the browser: so it says the same everywhere, and all of it at once. */
export function Form({ doing, submit, children }: { doing: Doing; submit: () => Promise<void>; children: ComponentChildren }) {
  return (
    <>
      <Errors lines={doing.lines} />
      <form
        noValidate
        aria-busy={doing.busy}
        onSubmit={(event) => {
          event.preventDefault();
          void doing.run(submit);
        }}
      >
        {children}
      </form>
    </>
  );
}

interface FieldProps {
  name: string;
  label: string;
  value: string;
  change: (value: string) => void;
  type?: string;
  placeholder?: string;
  autocomplete?: string;
  hint?: string;
  large?: boolean;
  /** More than one makes it a text area. */
  rows?: number;
}

export function Field({ name, label, value, change, type = 'text', placeholder, autocomplete, hint, large, rows = 1 }: FieldProps) {
  const shared = {
    id: name,
    name,
    value,
    class: `form-control ${large ? 'form-control-lg' : ''}`,
    placeholder: placeholder ?? label,
    'aria-describedby': hint ? `${name}-hint` : undefined,
    onInput: (event: { currentTarget: { value: string } }) => change(event.currentTarget.value),
  };
  return (
    <div class="form-group">
      <label for={name}>{label}</label>
      {rows > 1 ? <textarea {...shared} rows={rows} /> : <input {...shared} type={type} autocomplete={autocomplete} />}
      {hint && (
        <small id={`${name}-hint`} class="hint">
          {hint}
        </small>
      )}
    </div>
  );
}
