/** The application, which the loader starts once it knows where everything is. */

import './style/index.css';
import { render, type JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import { Api } from './api.ts';
import { shared } from './context.ts';
import { watchImages } from './images.ts';
import { ArticlePage } from './pages/article.tsx';
import { Auth } from './pages/auth.tsx';
import { Editor } from './pages/editor.tsx';
import { Home } from './pages/home.tsx';
import { Notifications } from './pages/notifications.tsx';
import { ProfilePage } from './pages/profile.tsx';
import { Settings } from './pages/settings.tsx';
import { Boundary } from './parts/errors.tsx';
import { Guard } from './parts/guard.tsx';
import { Layout } from './parts/layout.tsx';
import type { Page } from './release.ts';
import { paths, place, startRouter, type Route } from './router.ts';
import { Session, type AuthState } from './session.ts';
import { useStore } from './store.ts';
import { title } from './title.ts';
import type { User } from './types.ts';

declare global {
  interface Window {
    /** For the tests of RealWorld front ends. */
    __conduit_debug__?: {
      getToken(): string | null;
      getAuthState(): AuthState;
      getCurrentUser(): User | null;
    };
  }
}

export function start({ config, edge, storage }: Page): void {
  const session: Session = new Session(storage, () => shared.api.user());
  shared.session = session;
  shared.api = new Api(config.api, session.token);
  window.__conduit_debug__ = {
    getToken: session.token,
    getAuthState: () => session.signed.get().state,
    getCurrentUser: () => session.signed.get().user,
  };
  watchImages(edge);
  startRouter();
  session.listen();
  void session.check();
  render(<Application />, document.getElementById('app')!);
}

function Application() {
  const { route, visit } = useStore(place);
  useEffect(() => title(nameOf(route)), [route]);
  return (
    <Layout>
      <Boundary visit={visit}>{shown(route, visit)}</Boundary>
    </Layout>
  );
}

function shown(route: Route, visit: number): JSX.Element {
  switch (route.page) {
    case 'home':
      return <Home feed={route.feed} number={route.number} />;
    case 'tag':
      return <Home feed="global" tag={route.tag} number={route.number} />;
    case 'login':
    case 'register':
      return <Auth key={route.page} register={route.page === 'register'} />;
    case 'article':
      return <ArticlePage key={visit} slug={route.slug} />;
    case 'profile':
      return <ProfilePage username={route.username} favorites={route.favorites} number={route.number} />;
    case 'editor':
      return <Guard><Editor key={visit} slug={route.slug} /></Guard>;
    case 'settings':
      return <Guard><Settings /></Guard>;
    case 'notifications':
      return <Guard><Notifications key={visit} /></Guard>;
    case 'unknown':
      return <Unknown />;
  }
}

function nameOf(route: Route): string {
  switch (route.page) {
    case 'home':
      return route.feed === 'following' ? 'Your feed' : '';
    case 'tag':
      return `#${route.tag}`;
    case 'profile':
      return route.username;
    case 'article':
      return 'Article';
    default:
      return { login: 'Sign in', register: 'Sign up', settings: 'Settings', notifications: 'Notifications', editor: 'Editor', unknown: 'Not found' }[route.page];
  }
}

const Unknown = () => (
  <div class="container page narrow">
    <h1>Not found</h1>
    <p>
      There is nothing at this address. <a href={paths.home}>To the home page</a>
    </p>
  </div>
);
