//! What tests share.

pub(crate) mod again;
pub(crate) mod console;
pub(crate) mod demo;
pub(crate) mod firm;
pub(crate) mod postgres;
pub(crate) mod rabbit;
pub(crate) mod redis;
pub(crate) mod servers;
pub(crate) mod sink;
pub(crate) mod smtp;
