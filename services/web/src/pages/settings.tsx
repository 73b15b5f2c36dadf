import { useState } from 'preact/hooks';
import { shared, useSigned } from '../context.ts';
import { useDoing } from '../load.ts';
import { Waiting } from '../parts/errors.tsx';
import { Field, Form } from '../parts/form.tsx';
import { Upload } from '../parts/upload.tsx';
import { navigate, paths } from '../router.ts';
import type { User } from '../types.ts';

export function Settings() {
  const { user } = useSigned();
  return (
    <div class="settings-page container page narrow">
      <h1>Your Settings</h1>
      {user ? <SettingsForm user={user} /> : <Waiting what="your settings; they come as soon as the server answers" />}
    </div>
  );
}

function SettingsForm({ user }: { user: User }) {
  const doing = useDoing();
  const [image, setImage] = useState(user.image ?? '');
  const [username, setUsername] = useState(user.username);
  const [bio, setBio] = useState(user.bio ?? '');
  const [email, setEmail] = useState(user.email);
  const [password, setPassword] = useState('');
  const submit = async () => {
    const changed = await shared.api.updateUser({ image, username, bio, email, ...(password && { password }) });
    shared.session.signIn(changed);
    navigate(paths.profile(changed.username));
  };
  return (
    <>
      <Form doing={doing} submit={submit}>
        <Field name="image" label="Picture" placeholder="URL of profile picture" value={image} change={setImage} autocomplete="off" />
        {/* An address that is being typed is not asked for at each letter. */}
        <Upload image={image === user.image || image.startsWith('/') ? image : ''} choose={setImage} />
        <Field name="username" label="Username" value={username} change={setUsername} autocomplete="username" />
        <Field name="bio" label="About you" placeholder="Short bio about you" value={bio} change={setBio} rows={5} />
        <Field name="email" label="Email" type="email" value={email} change={setEmail} autocomplete="email" />
        <Field
          name="password"
          label="New password"
          type="password"
          value={password}
          change={setPassword}
          autocomplete="new-password"
          hint="Leave it empty to keep the one you have. A new one ends your other sessions."
        />
        <button type="submit" class="btn btn-lg btn-primary" disabled={doing.busy}>
          Update Settings
        </button>
      </Form>
      <hr />
      <button type="button" class="btn btn-outline-danger" onClick={leave}>
        Or click here to logout
      </button>
    </>
  );
}

/** Nobody waits for the server to be signed out here; a session that it did not hear of ends by its age. */
function leave(): void {
  shared.api.logout().catch(() => {});
  shared.session.signOut();
  navigate(paths.home);
}
