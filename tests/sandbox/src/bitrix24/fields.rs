//! The fields of leads, deals, contacts and companies, under their old and their new names.

use serde::{Deserialize, Serialize};

/// What there is in the CRM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CrmEntity {
    /// A lead.
    Lead,
    /// A deal.
    Deal,
    /// A contact.
    Contact,
    /// A company.
    Company,
}

impl CrmEntity {
    pub(crate) const ALL: [Self; 4] = [Self::Lead, Self::Deal, Self::Contact, Self::Company];

    /// By its `entityTypeId`.
    pub(crate) fn of_type(id: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|entity| entity.type_id() == id)
    }

    /// By its name in events, dictionaries and methods, in any case.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let same = |entity: &Self| entity.word().eq_ignore_ascii_case(name);
        Self::ALL.into_iter().find(same)
    }

    pub(crate) fn type_id(self) -> i64 {
        match self {
            Self::Lead => 1,
            Self::Deal => 2,
            Self::Contact => 3,
            Self::Company => 4,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Lead => "LEAD",
            Self::Deal => "DEAL",
            Self::Contact => "CONTACT",
            Self::Company => "COMPANY",
        }
    }

    pub(crate) fn has_stages(self) -> bool {
        matches!(self, Self::Lead | Self::Deal)
    }

    /// Whether it has phones and the like; a deal has those of its contact.
    pub(crate) fn has_multifields(self) -> bool {
        self != Self::Deal
    }

    fn letter(self) -> char {
        match self {
            Self::Lead => 'L',
            Self::Deal => 'D',
            Self::Contact => 'C',
            Self::Company => 'O',
        }
    }
}

/// How a field is stored and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Id,
    Ids,
    /// Up to so many letters.
    Text(usize),
    Flag,
    Money,
    Time,
    Status,
}

impl Kind {
    /// As `crm.item.fields` names it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Id | Self::Ids => "integer",
            Self::Text(_) => "string",
            Self::Flag => "boolean",
            Self::Money => "double",
            Self::Time => "datetime",
            Self::Status => "crm_status",
        }
    }
}

/// A field.
pub(crate) struct Field {
    /// The name in `crm.item.*`.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    of: &'static str,
    pub(crate) read_only: bool,
}

const LONG: usize = 65_535;

const fn field(of: &'static str, name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        kind,
        of,
        read_only: false,
    }
}

const fn fixed(of: &'static str, name: &'static str, kind: Kind) -> Field {
    Field {
        read_only: true,
        ..field(of, name, kind)
    }
}

const FIELDS: [Field; 48] = [
    fixed("LDCO", "id", Kind::Id),
    fixed("LDCO", "createdTime", Kind::Time),
    fixed("LDCO", "updatedTime", Kind::Time),
    fixed("LDCO", "createdBy", Kind::Id),
    fixed("LDCO", "updatedBy", Kind::Id),
    field("LDCO", "assignedById", Kind::Id),
    field("LDCO", "opened", Kind::Flag),
    field("LDO", "title", Kind::Text(255)),
    field("LC", "name", Kind::Text(50)),
    field("LC", "secondName", Kind::Text(50)),
    field("LC", "lastName", Kind::Text(50)),
    field("L", "companyTitle", Kind::Text(255)),
    field("LC", "post", Kind::Text(255)),
    field("LC", "birthdate", Kind::Time),
    field("LC", "honorific", Kind::Text(128)),
    field("DCO", "leadId", Kind::Id),
    field("LDC", "companyId", Kind::Id),
    field("LD", "contactId", Kind::Id),
    field("LD", "contactIds", Kind::Ids),
    field("LD", "observers", Kind::Ids),
    field("D", "categoryId", Kind::Id),
    field("LD", "stageId", Kind::Status),
    fixed("LD", "stageSemanticId", Kind::Text(3)),
    field("L", "statusDescription", Kind::Text(LONG)),
    fixed("LD", "movedBy", Kind::Id),
    fixed("LD", "movedTime", Kind::Time),
    fixed("L", "dateClosed", Kind::Time),
    field("D", "begindate", Kind::Time),
    field("D", "closedate", Kind::Time),
    field("D", "closed", Kind::Flag),
    field("DCO", "typeId", Kind::Text(50)),
    field("LD", "opportunity", Kind::Money),
    field("LD", "currencyId", Kind::Text(50)),
    field("LD", "isManualOpportunity", Kind::Flag),
    fixed("LD", "isReturnCustomer", Kind::Flag),
    field("LDC", "sourceId", Kind::Status),
    field("LDC", "sourceDescription", Kind::Text(LONG)),
    field("LDCO", "comments", Kind::Text(LONG)),
    field("LDCO", "originatorId", Kind::Text(255)),
    field("LDCO", "originId", Kind::Text(255)),
    field("LDC", "webformId", Kind::Id),
    field("LDCO", "utmSource", Kind::Text(255)),
    field("LDCO", "utmMedium", Kind::Text(255)),
    field("LDCO", "utmCampaign", Kind::Text(255)),
    field("LDCO", "utmContent", Kind::Text(255)),
    field("LDCO", "utmTerm", Kind::Text(255)),
    fixed("LDCO", "lastActivityBy", Kind::Id),
    fixed("LDCO", "lastActivityTime", Kind::Time),
];

/// The fields of one kind of item.
pub(crate) fn of(entity: CrmEntity) -> impl Iterator<Item = &'static Field> {
    let letter = entity.letter();
    FIELDS.iter().filter(move |field| field.of.contains(letter))
}

/// The field of this new name.
pub(crate) fn known(entity: CrmEntity, name: &str) -> Option<&'static Field> {
    of(entity).find(|field| field.name == name)
}

/// The name that the old methods use.
pub(crate) fn old_name(entity: CrmEntity, name: &str) -> String {
    let lead = entity == CrmEntity::Lead;
    match name {
        "createdTime" => "DATE_CREATE".to_owned(),
        "updatedTime" => "DATE_MODIFY".to_owned(),
        "createdBy" => "CREATED_BY_ID".to_owned(),
        "updatedBy" => "MODIFY_BY_ID".to_owned(),
        "movedBy" => "MOVED_BY_ID".to_owned(),
        "stageId" if lead => "STATUS_ID".to_owned(),
        "stageSemanticId" if lead => "STATUS_SEMANTIC_ID".to_owned(),
        _ => match name.strip_prefix("ufCrm_") {
            Some(rest) => format!("UF_CRM_{rest}"),
            None => upper_snake(name),
        },
    }
}

/// The new name of what the old methods call so.
pub(crate) fn new_name(entity: CrmEntity, old: &str) -> Option<String> {
    if let Some(rest) = old.strip_prefix("UF_CRM_") {
        return Some(format!("ufCrm_{rest}"));
    }
    let found = of(entity).find(|field| old_name(entity, field.name) == old);
    found.map(|field| field.name.to_owned())
}

fn upper_snake(name: &str) -> String {
    let mut upper = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            upper.push('_');
        }
        upper.push(letter.to_ascii_uppercase());
    }
    upper
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_found_again_by_its_old_name() {
        for entity in CrmEntity::ALL {
            for field in of(entity) {
                let old = old_name(entity, field.name);
                let new = new_name(entity, &old);
                assert_eq!(new.as_deref(), Some(field.name), "{old}");
            }
        }
    }

    #[test]
    fn old_names_are_the_documented_ones() {
        let lead = |name| old_name(CrmEntity::Lead, name);
        assert_eq!(lead("stageId"), "STATUS_ID");
        assert_eq!(old_name(CrmEntity::Deal, "stageId"), "STAGE_ID");
        assert_eq!(lead("assignedById"), "ASSIGNED_BY_ID");
        assert_eq!(lead("utmSource"), "UTM_SOURCE");
        assert_eq!(lead("ufCrm_1720019876534"), "UF_CRM_1720019876534");
    }
}
