//! What a client may write, and the limits of it.

use magnitude_chassis::{ApiError, Body, Fields, Object, Patch};

const USERNAME: usize = 40;
const EMAIL: usize = 254;
const BIO: usize = 2_000;
const IMAGE: usize = 2_000;
const PASSWORD: std::ops::RangeInclusive<usize> = 8..=256;

pub struct Registration {
    pub username: String,
    pub email: String,
    pub password: String,
}

pub struct Credentials {
    pub email: String,
    pub password: String,
}

/// What a client changes of a user; null clears bio and image.
pub struct Changes {
    pub username: Option<String>,
    pub email: Option<String>,
    pub password: Option<String>,
    pub bio: Patch<String>,
    pub image: Patch<String>,
}

pub fn registration(body: &Body) -> Result<Registration, ApiError> {
    let user = body.envelope("user")?;
    let mut fields = Fields::new();
    let username = user.text(&mut fields, "username", USERNAME).filter(|username| check_username(&mut fields, username));
    let email = user.text(&mut fields, "email", EMAIL).filter(|email| check_email(&mut fields, email));
    let password = password(&user, &mut fields, true).filter(|password| check_password(&mut fields, password));
    fields.finish()?;
    let text = |field: Option<&str>| field.unwrap_or_default().to_owned();
    Ok(Registration { username: text(username), email: text(email), password: text(password) })
}

/// A password shorter than one may be is just a wrong one here.
pub fn credentials(body: &Body) -> Result<Credentials, ApiError> {
    let user = body.envelope("user")?;
    let mut fields = Fields::new();
    let email = user.text(&mut fields, "email", EMAIL);
    let password = password(&user, &mut fields, true);
    fields.finish()?;
    Ok(Credentials { email: email.unwrap_or_default().to_owned(), password: password.unwrap_or_default().to_owned() })
}

pub fn changes(body: &Body) -> Result<Changes, ApiError> {
    let user = body.envelope("user")?;
    let mut fields = Fields::new();
    let username = required(&user, &mut fields, "username", USERNAME).filter(|username| check_username(&mut fields, username));
    let email = required(&user, &mut fields, "email", EMAIL).filter(|email| check_email(&mut fields, email));
    let password = password(&user, &mut fields, false).filter(|password| check_password(&mut fields, password));
    let changes = Changes {
        username,
        email,
        password: password.map(str::to_owned),
        bio: cleared(&user, &mut fields, "bio", BIO),
        image: cleared(&user, &mut fields, "image", IMAGE),
    };
    fields.finish()?;
    Ok(changes)
}

fn required(user: &Object<'_>, fields: &mut Fields, name: &'static str, max: usize) -> Option<String> {
    match user.patch_text(fields, name, max) {
        Patch::Absent => None,
        Patch::Value(text) if !text.trim().is_empty() => Some(text.to_owned()),
        Patch::Null | Patch::Value(_) => {
            fields.problem(name, "can't be blank");
            None
        }
    }
}

/// Any text counts, white space too: there are no rules of composition.
fn password<'a>(user: &Object<'a>, fields: &mut Fields, required: bool) -> Option<&'a str> {
    match user.patch_text(fields, "password", *PASSWORD.end()) {
        // What is there and was refused has been noted.
        Patch::Absent if !required || user.has("password") => None,
        Patch::Value(text) if !text.is_empty() => Some(text),
        Patch::Absent | Patch::Null | Patch::Value(_) => {
            fields.problem("password", "can't be blank");
            None
        }
    }
}

/// An empty text clears as null does.
fn cleared(user: &Object<'_>, fields: &mut Fields, name: &'static str, max: usize) -> Patch<String> {
    match user.patch_text(fields, name, max) {
        Patch::Absent => Patch::Absent,
        Patch::Null | Patch::Value("") => Patch::Null,
        Patch::Value(text) => Patch::Value(text.to_owned()),
    }
}

/// What a path cannot name: these two mean folders, however they are encoded.
fn check_username(fields: &mut Fields, username: &str) -> bool {
    let good = !matches!(username, "." | "..");
    if !good {
        fields.problem("username", "is invalid");
    }
    good
}

/// One `@` with something on both sides and no white space: whether mail arrives is for the mail to tell.
fn check_email(fields: &mut Fields, email: &str) -> bool {
    let (local, domain) = email.split_once('@').unwrap_or_default();
    let good =
        !local.is_empty() && !domain.is_empty() && !domain.contains('@') && !email.contains(|c: char| c.is_whitespace() || c.is_control());
    if !good {
        fields.problem("email", "is invalid");
    }
    good
}

fn check_password(fields: &mut Fields, password: &str) -> bool {
    let good = password.chars().count() >= *PASSWORD.start();
    if !good {
        fields.problem("password", format!("is too short (minimum is {} characters)", PASSWORD.start()));
    }
    good
}
