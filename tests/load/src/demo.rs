//! Something to read and to click on, for a stack that holds nothing yet.

use std::{collections::HashMap, fs, path::PathBuf};

use anyhow::Context;
use clap::Args;
use futures_util::future::try_join_all;
use reqwest::Client;
use serde::Deserialize;
use serde_json::json;

use crate::{
    client::{self, text},
    stack::Stack,
};

/// Where to publish; by default in the stack that `make up` started.
#[derive(Debug, Args)]
pub struct Options {
    /// The load balancer, `http://host:port`
    #[arg(long, requires = "password_file")]
    url: Option<String>,
    /// The file with the password of the people
    #[arg(long, requires = "url")]
    password_file: Option<PathBuf>,
    /// 0 publishes nothing
    #[arg(long, default_value_t = 1)]
    seed: u8,
}

impl Options {
    /// The load balancer, and the password.
    fn place(&self) -> anyhow::Result<(String, String)> {
        let (Some(url), Some(file)) = (&self.url, &self.password_file) else {
            let stack = Stack::load()?;
            return Ok((stack.url, stack.demo_password));
        };
        let password = fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
        Ok((url.clone(), password.trim().to_owned()))
    }
}

/// The one of the people as whom a newcomer signs in.
const READER: &str = "reader";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Demo {
    people: Vec<Person>,
    articles: Vec<Article>,
    favorites: Vec<Favorites>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Person {
    name: String,
    bio: String,
    follows: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Article {
    author: String,
    title: String,
    description: String,
    tags: Vec<String>,
    body: String,
    #[serde(default)]
    comments: Vec<Comment>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Comment {
    author: String,
    body: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Favorites {
    person: String,
    titles: Vec<String>,
}

/// Publishes the demo unless the stack holds articles, and says as whom to sign in.
pub async fn run(options: &Options) -> anyhow::Result<()> {
    if options.seed == 0 {
        return Ok(());
    }
    let demo = Demo::read()?;
    let (url, password) = options.place()?;
    let api = Api { http: client::http()?, url: format!("{url}/api"), password: &password };
    if api.articles("").await? == 0 {
        demo.publish(&api).await.context("the demo is not complete; `make clean` and `SEED=0 make up` do without it")?;
        println!("\n{} people wrote {} articles to read.", demo.people.len(), demo.articles.len());
    } else if api.articles(&format!("author={READER}")).await? == 0 {
        println!("\nThere are articles already: no demo was added.");
        return Ok(());
    }
    println!("Sign in as {READER}@example.com with the password {}", api.password);
    Ok(())
}

impl Demo {
    fn read() -> anyhow::Result<Self> {
        toml::from_str(include_str!("../demo.toml")).context("demo.toml")
    }

    async fn publish(&self, api: &Api<'_>) -> anyhow::Result<()> {
        let names: Vec<&str> = self.people.iter().map(|person| person.name.as_str()).collect();
        let tokens = try_join_all(self.people.iter().map(|person| api.register(person))).await?;
        let tokens: HashMap<&str, String> = names.into_iter().zip(tokens).collect();
        for person in &self.people {
            for followed in &person.follows {
                api.post(&tokens[&*person.name], &format!("profiles/{followed}/follow"), json!({})).await?;
            }
        }
        let mut slugs = HashMap::new();
        for article in &self.articles {
            slugs.insert(&*article.title, article.publish(api, &tokens).await?);
        }
        for Favorites { person, titles } in &self.favorites {
            for title in titles {
                api.post(&tokens[&**person], &format!("articles/{}/favorite", slugs[&**title]), json!({})).await?;
            }
        }
        Ok(())
    }
}

impl Article {
    /// With its comments; the slug.
    async fn publish(&self, api: &Api<'_>, tokens: &HashMap<&str, String>) -> anyhow::Result<String> {
        let Self { author, title, description, tags, body, comments } = self;
        let article = json!({"article": {"title": title, "description": description, "body": body, "tagList": tags}});
        let slug = text(&api.post(&tokens[&**author], "articles", article).await?["article"]["slug"])?;
        for Comment { author, body } in comments {
            api.post(&tokens[&**author], &format!("articles/{slug}/comments"), json!({"comment": {"body": body}})).await?;
        }
        Ok(slug)
    }
}

struct Api<'a> {
    http: Client,
    url: String,
    password: &'a str,
}

impl Api<'_> {
    /// The number of articles that fit.
    async fn articles(&self, filter: &str) -> anyhow::Result<u64> {
        let answer = self.http.get(format!("{}/articles?limit=1&{filter}", self.url)).send().await?.error_for_status()?;
        let list: serde_json::Value = answer.json().await?;
        list["articlesCount"].as_u64().context("a list of articles without their number")
    }

    /// The person's token.
    async fn register(&self, Person { name, bio, .. }: &Person) -> anyhow::Result<String> {
        let user = json!({"user": {"username": name, "email": format!("{name}@example.com"), "password": self.password}});
        let answer = client::post(&self.http, &format!("{}/users", self.url), None, &user).await?;
        let token = text(&answer["user"]["token"])?;
        let profile = self.http.put(format!("{}/user", self.url)).header("authorization", format!("Token {token}"));
        profile.json(&json!({"user": {"bio": bio}})).send().await?.error_for_status()?;
        Ok(token)
    }

    async fn post(&self, token: &str, path: &str, body: serde_json::Value) -> anyhow::Result<serde_json::Value> {
        client::post(&self.http, &format!("{}/{path}", self.url), Some(token), &body).await
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{Demo, READER};

    #[test]
    fn whoever_and_whatever_is_named_is_there() {
        let demo = Demo::read().unwrap();
        let people: HashSet<_> = demo.people.iter().map(|person| &*person.name).collect();
        let titles: HashSet<_> = demo.articles.iter().map(|article| &*article.title).collect();
        assert_eq!((people.len(), titles.len()), (demo.people.len(), demo.articles.len()), "a name twice");
        let authors =
            demo.articles.iter().flat_map(|article| article.comments.iter().map(|comment| &*comment.author).chain([&*article.author]));
        let followed = demo.people.iter().flat_map(|person| person.follows.iter().map(String::as_str));
        let readers = demo.favorites.iter().map(|favorites| &*favorites.person);
        assert_eq!(authors.chain(followed).chain(readers).find(|name| !people.contains(name)), None);
        assert_eq!(demo.favorites.iter().flat_map(|favorites| &favorites.titles).find(|title| !titles.contains(&***title)), None);
    }

    #[test]
    fn the_reader_has_a_feed_and_something_behind_the_bell() {
        let demo = Demo::read().unwrap();
        let reader = demo.people.iter().find(|person| person.name == READER).unwrap();
        assert!(demo.articles.iter().any(|article| reader.follows.contains(&article.author)));
        let own = demo.articles.iter().find(|article| article.author == READER).unwrap();
        assert!(own.comments.iter().any(|comment| comment.author != READER));
    }
}
