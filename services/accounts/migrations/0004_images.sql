-- Which contents of the object store users show: media asks before it deletes one. Few images are of ours, and only those are in the index.
create index users_by_object on users (substring(image from '/objects/([0-9a-f]{64})$')) where substring(image from '/objects/([0-9a-f]{64})$') is not null;
