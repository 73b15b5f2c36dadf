/** The API's shapes, as far as the application uses them. */

export interface User {
  email: string;
  token: string;
  username: string;
  bio: string | null;
  image: string | null;
}

export interface Profile {
  username: string;
  bio: string | null;
  image: string | null;
  following: boolean;
}

/** As lists give it: without the body. */
export interface Preview {
  slug: string;
  title: string;
  description: string;
  tagList: string[];
  createdAt: string;
  updatedAt: string;
  favorited: boolean;
  favoritesCount: number;
  author: Profile;
}

export interface Article extends Preview {
  body: string;
}

export interface ArticleList {
  articles: Preview[];
  articlesCount: number;
}

export interface Comment {
  id: number;
  createdAt: string;
  updatedAt: string;
  body: string;
  author: Profile;
}

export interface Notification {
  id: string;
  kind: 'published' | 'followed' | 'commented' | 'favorited';
  createdAt: string;
  read: boolean;
  actor: Profile;
  /** How many more actors were bundled. */
  others: number;
  article: { slug: string; title: string } | null;
}

export interface NotificationList {
  notifications: Notification[];
  unread: number;
}

export interface Variant {
  width: number;
  url: string;
  type: string;
}

export interface Media {
  id: string;
  status: 'processing' | 'ready' | 'rejected';
  url: string | null;
  variants: Variant[];
  /** Why it was rejected. */
  reason?: string | null;
}
