import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { shared, useSigned } from '../context.ts';
import { paths, place } from '../router.ts';
import { useStore } from '../store.ts';
import { readUnread, unread } from '../unread.ts';
import { Avatar } from './avatar.tsx';
import { Icon } from './icon.tsx';

export function Layout({ children }: { children: ComponentChildren }) {
  return (
    <>
      <a class="skip-link" href="#main">
        Skip to content
      </a>
      <Navbar />
      <main id="main" tabIndex={-1}>
        {children}
      </main>
      <footer>
        <div class="container">
          <span class="logo-font">conduit</span>
          <span>
            A RealWorld application on the Magnitude stack. <a href="/api/docs">Its API</a>, <a href="/status">its status</a>.
          </span>
        </div>
      </footer>
    </>
  );
}

function Navbar() {
  const { state, user } = useSigned();
  return (
    <nav class="navbar" aria-label="Main">
      <div class="container">
        <a class="navbar-brand logo-font" href={paths.home}>
          conduit
        </a>
        <ul class="nav navbar-nav">
          <NavItem href={paths.home}>Home</NavItem>
          {state === 'unauthenticated' && (
            <>
              <NavItem href="/login">Sign in</NavItem>
              <NavItem href="/register">Sign up</NavItem>
            </>
          )}
          {state === 'unavailable' && (
            <li class="nav-item connecting" role="status">
              Connecting…
            </li>
          )}
          {user && (
            <>
              <NavItem href="/editor">
                <Icon name="pencil" /> New Article
              </NavItem>
              <NavItem href="/settings">
                <Icon name="gear" /> Settings
              </NavItem>
              <Bell />
              <NavItem href={paths.profile(user.username)} name="nav-user">
                <Avatar image={user.image} size={26} class="user-pic" />
                {user.username}
              </NavItem>
            </>
          )}
        </ul>
      </div>
    </nav>
  );
}

function NavItem({ href, name = '', label, children }: { href: string; name?: string; label?: string; children: ComponentChildren }) {
  useStore(place);
  const here = location.pathname + location.search === href;
  return (
    <li class="nav-item">
      <a class={`nav-link ${name} ${here ? 'active' : ''}`} href={href} aria-current={here ? 'page' : undefined} aria-label={label}>
        {children}
      </a>
    </li>
  );
}

/** Asked once a minute while the page is looked at; a failure waits for the next time. */
const ASK_MS = 60_000;

function Bell() {
  const count = useStore(unread);
  const asked = useRef(0);
  useEffect(() => {
    const ask = () => {
      if (document.visibilityState !== 'visible' || Date.now() - asked.current < ASK_MS / 2) return;
      asked.current = Date.now();
      void readUnread(shared.api);
    };
    ask();
    const timer = setInterval(ask, ASK_MS);
    document.addEventListener('visibilitychange', ask);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', ask);
      unread.set(0);
    };
  }, []);
  return (
    <NavItem href="/notifications" name="bell" label={count > 0 ? `Notifications, ${count} unread` : 'Notifications'}>
      <Icon name="bell" />
      {count > 0 && <span class="badge">{count > 99 ? '99+' : count}</span>}
    </NavItem>
  );
}
