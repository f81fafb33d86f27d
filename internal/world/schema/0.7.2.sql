-- Tables of a hub database as JupyterHub 0.7.2 creates them.
CREATE TABLE servers (
	id INTEGER NOT NULL,
	proto VARCHAR(15),
	ip VARCHAR(255),
	port INTEGER,
	base_url VARCHAR(255),
	cookie_name VARCHAR(255),
	PRIMARY KEY (id)
);
CREATE TABLE groups (
	id INTEGER NOT NULL,
	name VARCHAR(1023),
	PRIMARY KEY (id),
	UNIQUE (name)
);
CREATE TABLE proxies (
	id INTEGER NOT NULL,
	_public_server_id INTEGER,
	_api_server_id INTEGER,
	PRIMARY KEY (id),
	FOREIGN KEY(_public_server_id) REFERENCES servers (id),
	FOREIGN KEY(_api_server_id) REFERENCES servers (id)
);
CREATE TABLE hubs (
	id INTEGER NOT NULL,
	_server_id INTEGER,
	PRIMARY KEY (id),
	FOREIGN KEY(_server_id) REFERENCES servers (id)
);
CREATE TABLE users (
	id INTEGER NOT NULL,
	name VARCHAR(1023),
	_server_id INTEGER,
	admin BOOLEAN,
	last_activity DATETIME,
	cookie_id VARCHAR(1023),
	state TEXT,
	auth_state TEXT,
	PRIMARY KEY (id),
	UNIQUE (name),
	FOREIGN KEY(_server_id) REFERENCES servers (id) ON DELETE SET NULL
);
CREATE TABLE services (
	id INTEGER NOT NULL,
	name VARCHAR(1023),
	admin BOOLEAN,
	_server_id INTEGER,
	pid INTEGER,
	PRIMARY KEY (id),
	UNIQUE (name),
	FOREIGN KEY(_server_id) REFERENCES servers (id)
);
CREATE TABLE user_group_map (
	user_id INTEGER NOT NULL,
	group_id INTEGER NOT NULL,
	PRIMARY KEY (user_id, group_id),
	FOREIGN KEY(user_id) REFERENCES users (id),
	FOREIGN KEY(group_id) REFERENCES groups (id)
);
CREATE TABLE api_tokens (
	id INTEGER NOT NULL,
	hashed VARCHAR(1023),
	prefix VARCHAR(1023),
	user_id INTEGER,
	service_id INTEGER,
	PRIMARY KEY (id),
	FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE,
	FOREIGN KEY(service_id) REFERENCES services (id) ON DELETE CASCADE
);
