import { useEffect, useState } from 'preact/hooks';
import { shared, useSigned } from '../context.ts';
import { useDoing } from '../load.ts';
import { Field, Form } from '../parts/form.tsx';
import { navigate, next } from '../router.ts';

/** Signing in and signing up. Who has a session, or just got one, goes on to where they wanted to be. */
export function Auth({ register }: { register: boolean }) {
  const { state } = useSigned();
  const doing = useDoing();
  const [username, setUsername] = useState('');
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  useEffect(() => {
    if (state === 'authenticated') navigate(next(), { replace: true });
  }, [state]);
  const submit = async () => {
    const { api, session } = shared;
    session.signIn(await (register ? api.register({ username, email, password }) : api.login({ email, password })));
  };
  const words = register ? 'Sign up' : 'Sign in';
  return (
    <div class="auth-page container page narrow">
      <h1>{words}</h1>
      <p class="aside">
        {register ? (
          <a href="/login">Have an account?</a>
        ) : (
          <a href="/register">Need an account?</a>
        )}
      </p>
      <Form doing={doing} submit={submit}>
        {register && <Field name="username" label="Username" value={username} change={setUsername} autocomplete="username" large />}
        <Field name="email" label="Email" type="email" value={email} change={setEmail} autocomplete="email" large />
        <Field
          name="password"
          label="Password"
          type="password"
          value={password}
          change={setPassword}
          autocomplete={register ? 'new-password' : 'current-password'}
          hint={register ? 'At least 8 characters.' : ''}
          large
        />
        <button type="submit" class="btn btn-lg btn-primary" disabled={doing.busy}>
          {words}
        </button>
      </Form>
    </div>
  );
}
